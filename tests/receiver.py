"""A receiver on 127.0.0.1 that keeps what it gets and answers as a script says."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httptools


@dataclass
class Received:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes


Script = Callable[[int, Received], bytes | tuple[float, bytes]]


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Render an answer; underscores in header names are dashes."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def always_ok(_: int, __: Received) -> bytes:
    return answer(200)


@dataclass
class Receiver:
    """`script(n, request)` gives the answer to request n (1 is the first), maybe after seconds."""

    script: Script = always_ok
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    #: Most requests that were open at one time.
    peak: int = 0
    open: int = 0
    connections: int = 0
    transports: list[asyncio.Transport] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]


class _Protocol(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._receiver.connections += 1
        self._receiver.transports.append(transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._request = Received({}, b"")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        receiver = self._receiver
        receiver.requests.append(self._request)
        receiver.open += 1
        receiver.peak = max(receiver.peak, receiver.open)
        reply = receiver.script(len(receiver.requests), self._request)
        wait, content = reply if isinstance(reply, tuple) else (0.0, reply)
        asyncio.get_running_loop().call_later(wait, self._reply, content)

    def _reply(self, content: bytes) -> None:
        self._receiver.open -= 1
        self._transport.write(content)


@contextlib.contextmanager
def running(script: Script = always_ok) -> Iterator[Receiver]:
    """Serve on a port of the system's choice, in a thread, until the block ends."""
    receiver = Receiver(script)
    loop = asyncio.new_event_loop()

    async def close() -> None:
        server.close()
        for transport in receiver.transports:
            transport.abort()
        # A transport closes its socket in the loop's next turn.
        await asyncio.sleep(0)

    async def serve() -> asyncio.Server:
        return await loop.create_server(lambda: _Protocol(receiver), "127.0.0.1", 0, backlog=1024)

    server = loop.run_until_complete(serve())
    receiver.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
