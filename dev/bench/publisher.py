"""Publishes over raw sockets as a process of its own and writes down when each event was sent.

`python -m dev.bench.publisher ORDER RESULT`: both are JSON files. Without a rate each connection
sends its next request as soon as the last is answered; with one, events are sent at their
scheduled time, whoever has been answered, and a time is the scheduled one.
"""

import asyncio
import functools
import json
import random
import string
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn, cast

import httptools
import uvloop

EVENT_TYPE = "bench.event"
_GOOD = (HTTPStatus.OK, HTTPStatus.ACCEPTED)


@dataclass(frozen=True)
class Order:
    port: int
    path: str
    api_key: str
    rate: float | None
    #: The number of the first event; no run repeats another's idempotency keys.
    first: int
    events: int
    #: Of one request; more than one go to msg/batch.
    batch: int
    channels: int
    #: Bytes.
    payload: int
    connections: int
    keys: bool
    #: What the channels' names begin with.
    channel: str = "c"


def make_payload(size: int, number: int) -> str:
    """Return a JSON object of exactly `size` bytes, or of the fewest possible if that is more."""
    start = f'{{"n":{number},"text":"'
    return start + filler(size)[: max(0, size - len(start) - 2)] + '"}'


@functools.cache
def filler(size: int) -> str:
    """Return always the same letters, in an order that PostgreSQL cannot compress."""
    return "".join(random.Random(size).choices(string.ascii_letters, k=size))  # noqa: S311


def make_message(order: Order, number: int) -> str:
    channel = f"{order.channel}{number % order.channels}"
    payload = make_payload(order.payload, number)
    return f'{{"eventType":"{EVENT_TYPE}","channels":["{channel}"],"payload":{payload}}}'


def make_body(order: Order, number: int) -> str:
    if order.batch == 1:
        return make_message(order, number)
    messages = ",".join(make_message(order, number + place) for place in range(order.batch))
    return f'{{"messages":[{messages}]}}'


def make_request(order: Order, number: int) -> bytes:
    """Return the whole HTTP request that publishes event `number`, or the batch from it on."""
    body = make_body(order, number)
    key = f"idempotency-key: bench-{order.channel}{number}\r\n" if order.keys else ""
    head = (
        f"POST {order.path} HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\n"
        f"authorization: Bearer {order.api_key}\r\ncontent-type: application/json\r\n"
        f"{key}content-length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def accepted_ids(body: bytes) -> list[str]:
    """Return the ids of the messages that an answer accepts; a receiver's has none."""
    told = json.loads(body or '{"data":[]}')
    if "data" not in told:
        return [told["id"]]
    return [entry["message"]["id"] for entry in told["data"] if "message" in entry]


class _Connection(asyncio.Protocol):
    """One exchange at a time on a connection that is kept."""

    def __init__(self) -> None:
        self._body = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body. Raises `ConnectionError` when the server hangs up."""
        self._answer = asyncio.get_running_loop().create_future()
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), self._body))

    def connection_lost(self, _error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("The API server hung up."))

    def close(self) -> None:
        self._transport.close()


class Publisher:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._next = order.first
        self._end = order.first + order.events
        self._idle: asyncio.Queue[_Connection] = asyncio.Queue()
        #: Message id, when it was (to be) sent, when it was answered; CLOCK_MONOTONIC ns.
        self.accepted: list[tuple[str, int, int]] = []
        self.refused: Counter[int] = Counter()
        self.began = self.ended = 0

    async def run(self) -> None:
        connections = [await self._connect() for _ in range(self._order.connections)]
        self.began = time.monotonic_ns()
        if self._order.rate is None:
            await asyncio.gather(*map(self._burst, connections))
        else:
            await self._keep_rate(self._order.rate, connections)
        for connection in connections:
            connection.close()

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, "127.0.0.1", self._order.port)
        return made

    async def _burst(self, connection: _Connection) -> None:
        while (number := self._next) < self._end:
            self._next += self._order.batch
            await self._publish(connection, number, time.monotonic_ns())

    async def _keep_rate(self, rate: float, connections: list[_Connection]) -> None:
        """Start each publish at its time; with all connections busy it waits, and that counts."""
        for connection in connections:
            self._idle.put_nowait(connection)
        began = time.monotonic_ns()
        async with asyncio.TaskGroup() as publishes:
            for place in range(self._order.events):
                scheduled = began + round(place * 1e9 / rate)
                await asyncio.sleep((scheduled - time.monotonic_ns()) / 1e9)
                number = self._order.first + place
                publishes.create_task(self._publish_on_idle(number, scheduled))

    async def _publish_on_idle(self, number: int, scheduled: int) -> None:
        connection = await self._idle.get()
        await self._publish(connection, number, scheduled)
        self._idle.put_nowait(connection)

    async def _publish(self, connection: _Connection, number: int, sent: int) -> None:
        status, body = await connection.exchange(make_request(self._order, number))
        answered = self.ended = time.monotonic_ns()
        good = accepted_ids(body) if status in _GOOD else []
        self.accepted += [(message, sent, answered) for message in good]
        if len(good) < self._order.batch:
            self.refused[status] += self._order.batch - len(good)


def write_order(order: Order, path: Path) -> None:
    """Write a file that holds an API key, readable by us alone."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(order)))


def main() -> NoReturn:
    order, result = map(Path, sys.argv[1:])
    publisher = Publisher(Order(**json.loads(order.read_text())))
    uvloop.run(publisher.run())
    told = {
        "accepted": publisher.accepted,
        "refused": publisher.refused,
        "began": publisher.began,
        "ended": publisher.ended,
        "cpu_seconds": time.process_time(),
    }
    result.write_text(json.dumps(told))
    raise SystemExit(0)


if __name__ == "__main__":
    main()  # Without handlers of ours, whose exceptions do not end uvloop: SIGTERM just ends it.
