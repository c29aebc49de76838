"""Bad neighbours of a drill: a name server that is silent for one zone, a receiver that drips."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

#: The zone whose names are at 127.0.0.1, and the one without an answer.
FOUND, LOST = "found.test", "lost.test"
_QUESTION = 12  # Bytes of a DNS message before its first question.


class NameServer(asyncio.DatagramProtocol):
    """A name server: one zone is at 127.0.0.1, another never answers, and nothing else exists."""

    address = ""
    unanswered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # It is no DatagramTransport by its class in Python 3.11.
        self._transport = cast(asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        if _labels(LOST) in data.lower():
            self.unanswered += 1
        else:
            self._transport.sendto(_answer(data), address)


def _labels(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))


def _answer(query: bytes) -> bytes:
    """Return a reply: an address for the zone's names, to be kept for a second."""
    end = query.index(b"\0", _QUESTION) + 5
    question = query[_QUESTION:end]
    if _labels(FOUND) not in query.lower():
        return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
    if question[-4:] != b"\0\1\0\1":
        return query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + question
    record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1"
    return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + record


@contextmanager
def naming() -> Iterator[NameServer]:
    """Answer for names on a free port until the block ends."""
    with _looping() as loop:
        made = loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
        transport, names = asyncio.run_coroutine_threadsafe(made, loop).result()
        yield names
        loop.call_soon_threadsafe(transport.close)


class _Drip(asyncio.Protocol):
    """Begins an answer and sends a byte of a header a second, for as long as it is listened to."""

    def __init__(self, listened: set[asyncio.Transport]) -> None:
        self._listened = listened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._listened.add(self._transport)
        self._write(b"HTTP/1.1 200 OK\r\nx: ")

    def connection_lost(self, _error: Exception | None) -> None:
        self._listened.discard(self._transport)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
            asyncio.get_running_loop().call_later(1.0, self._write, b"x")


@contextmanager
def dripping() -> Iterator[int]:
    """Listen on a free port until the block ends; yield it."""
    listened: set[asyncio.Transport] = set()
    with _looping() as loop:
        made = loop.create_server(lambda: _Drip(listened), "127.0.0.1", 0, backlog=1024)
        server = asyncio.run_coroutine_threadsafe(made, loop).result()
        yield server.sockets[0].getsockname()[1]
        loop.call_soon_threadsafe(server.close)
        for transport in list(listened):
            loop.call_soon_threadsafe(transport.abort)


@contextmanager
def _looping() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        # A transport closes its socket in the loop's next turn.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
