"""One connection to a receiver: carries a request, and between requests notices any change.

Nothing is ever sent twice on it, and it is never read from without a request outstanding:
whatever arrives then makes it unusable.
"""

import asyncio
import enum
import select
from contextlib import suppress
from typing import Final, cast

from deliveries.transport.answer_reader import AnswerReader

# A body up to this size is joined to the head: one buffer, one system call, one packet.
JOIN_MAX: Final = 64 * 1024
KEEP_ALIVE_MARGIN: Final = 1.0  # Seconds before a receiver's announced limit at which we stop.
_UNUSABLE_BEFORE: Final = select.POLLIN | select.POLLRDHUP


class Ending(enum.Enum):
    """What ended the wait for an answer."""

    ENOUGH = enum.auto()
    CLOSED = enum.auto()
    EXPIRED = enum.auto()


class Connection(asyncio.Protocol):
    """An open connection, plain or TLS; it is in the set `live` for as long as it is one.

    `address` is the peer's as the kernel tells it, empty if it was gone at once.
    """

    def __init__(self, live: set["Connection"]) -> None:
        self._loop = asyncio.get_running_loop()
        self._live = live
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self._reader: AnswerReader | None = None
        self._waiter: asyncio.Future[Ending] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_open = False
        self.address = ""
        #: How many requests it has carried.
        self.requests = 0
        self.opened_at = self._loop.time()
        #: When it was last handed back; kept by the pool.
        self.idle_since = 0.0
        #: Seconds the receiver says it keeps an idle connection, less a margin.
        self.idle_limit: float | None = None

    async def exchange(
        self, head: bytes, body: bytes, reader: AnswerReader, until: float
    ) -> Ending:
        """Send one request and read its answer into `reader`, until the loop's time `until`.

        Never raises for what the receiver does. On cancellation the connection is aborted.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return Ending.CLOSED
        self.requests += 1
        self._reader = reader
        self._waiter = self._loop.create_future()
        self._timer = self._loop.call_at(until, self._finish, Ending.EXPIRED)
        if len(body) <= JOIN_MAX:
            transport.write(head + body)
        else:
            transport.writelines([head, body])
        try:
            return await self._waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._timer.cancel()

    def release(self) -> bool:
        """Let go of the finished answer; return whether another request may follow it."""
        reader, transport = self._reader, self._transport
        self._reader = self._waiter = None
        if reader is None or transport is None or not self.is_open:
            return False
        if self.idle_limit is None:
            self.idle_limit = _keep_alive_limit(reader.headers)
        # An answer that came before the whole request was taken leaves bytes to be sent.
        return reader.may_be_followed and transport.get_write_buffer_size() == 0

    def is_quiet(self) -> bool:
        """Whether it is open and nothing, not even an end, waits unread in the kernel.

        The loop reports a close only when it next polls; a request written before that is lost.
        """
        transport = self._transport
        return (
            self.is_open
            and transport is not None
            and not transport.is_closing()
            and not self._poll.poll(0)
        )

    def close(self) -> None:
        """Close in good order; TLS says goodbye."""
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, dropping what is unsent or unread."""
        self.is_open = False
        if self._transport is not None:
            # Early releases of CPython 3.11 raise it for TLS over a socket that is gone already.
            with suppress(AttributeError):
                self._transport.abort()

    def _finish(self, ending: Ending) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(ending)

    # Called by asyncio, by these names.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclasses of asyncio's.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        self._live.add(self)
        peer = transport.get_extra_info("peername")
        descriptor = transport.get_extra_info("socket").fileno()
        if peer and descriptor >= 0:
            self.is_open, self.address = True, str(peer[0])
            self._poll.register(descriptor, _UNUSABLE_BEFORE)

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self.abort()
        elif self._reader.feed(data):
            self._finish(Ending.ENOUGH)

    def eof_received(self) -> None:
        self.is_open = False
        if self._reader is not None:
            self._reader.feed_eof()
        self._finish(Ending.CLOSED)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if exc is None and self._reader is not None:
            self._reader.feed_eof()
        self._finish(Ending.CLOSED)
        self._live.discard(self)


def _keep_alive_limit(headers: list[tuple[bytes, bytes]]) -> float:
    """Read `Keep-Alive: timeout=5`; without one, no limit is known."""
    for name, value in headers:
        if name.lower() == b"keep-alive":
            _, _, rest = value.lower().partition(b"timeout=")
            digits = rest.split(b",")[0].strip()
            if digits.isdigit() and len(digits) < 6:  # noqa: PLR2004
                return max(float(digits) - KEEP_ALIVE_MARGIN, 0.0)
    return float("inf")
