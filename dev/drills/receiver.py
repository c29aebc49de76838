"""A receiver in a thread of its own that counts what comes, and how much of it is open."""

import asyncio
import hmac
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httptools

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_FAILURE = b"HTTP/1.1 500 Failed\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Receiver:
    """Answers every request with 200 after `delay` seconds; every so many events with 500."""

    delay: float = 0.0
    #: Every event whose number is a multiple of it fails, each time; 0 for none.
    failing_every: int = 0
    port: int = 0
    open: int = 0
    peak: int = 0
    #: Requests by `webhook-id`, and by it and the path.
    by_event: Counter[str] = field(default_factory=Counter)
    by_delivery: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: When each event first came, on the monotonic clock.
    arrived: dict[str, float] = field(default_factory=dict)
    #: Raw HMAC keys by path; a path without one is not verified.
    keys: dict[str, bytes] = field(default_factory=dict)
    verified: int = 0
    unverified: int = 0
    last_at: float = 0.0
    transports: set[asyncio.Transport] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def requests(self) -> int:
        return self.by_event.total()

    def fails(self, event: str) -> bool:
        """Whether an event is one of those that always fail; told by its id, so by chance."""
        return bool(self.failing_every) and hash(event) % self.failing_every == 0

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        event = headers.get("webhook-id", "")
        self.by_event[event] += 1
        self.by_delivery[event, path] += 1
        self.last_at = time.monotonic()
        self.arrived.setdefault(event, self.last_at)
        self.open += 1
        self.peak = max(self.peak, self.open)
        if path in self.keys:
            genuine = _verifies(self.keys[path], headers, body)
            self.verified += genuine
            self.unverified += not genuine


def _verifies(key: bytes, headers: dict[str, str], body: bytes) -> bool:
    """Check a Standard Webhooks v1 signature."""
    head = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    wanted = "v1," + b64encode(hmac.digest(key, head + body, "sha256")).decode()
    return wanted in headers["webhook-signature"].split(" ")


class _Protocol(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._receiver.transports.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._receiver.transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._fails = self._receiver.fails(self._headers.get("webhook-id", ""))
        self._receiver.take(self._path.decode(), self._headers, self._body)
        asyncio.get_running_loop().call_later(self._receiver.delay, self._reply)

    def _reply(self) -> None:
        self._receiver.open -= 1
        if not self._transport.is_closing():
            self._transport.write(_FAILURE if self._fails else _ANSWER)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port of 127.0.0.1 until the block ends."""
    receiver = Receiver()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: _Protocol(receiver), "127.0.0.1", 0, backlog=1024)
    )
    receiver.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(_close(server, receiver), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server, receiver: Receiver) -> None:
    server.close()
    for transport in list(receiver.transports):
        transport.abort()
    # A transport closes its socket in the loop's next turn.
    await asyncio.sleep(0.01)
