"""A receiver that answers 200 at once and remembers when each webhook-id first came.

`python -m dev.bench.receiver PORT`, a process of its own. `GET /counts` tells how many came;
`GET /arrivals` tells, for each `path webhook-id`, the first arrival in CLOCK_MONOTONIC ns, which
all processes of the machine share; `GET /reset` forgets them. What is sent to `/hang…` is neither
answered nor counted; `GET /release` hangs up on all who wait for such an answer.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, cast

import httptools
import uvloop

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass
class Arrivals:
    first: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    #: Those that carried at least one webhook.
    connections: int = 0
    hanging: set[asyncio.Transport] = field(default_factory=set)

    def reset(self) -> None:
        self.first, self.duplicates, self.connections = {}, 0, 0

    def release(self) -> None:
        for transport in self.hanging:
            transport.abort()
        self.hanging.clear()

    def add(self, path: str, webhook_id: str) -> None:
        key = f"{path} {webhook_id}"
        if key in self.first:
            self.duplicates += 1
        else:
            self.first[key] = time.monotonic_ns()

    def counts(self) -> dict[str, int]:
        return {
            "distinct": len(self.first),
            "duplicates": self.duplicates,
            "connections": self.connections,
        }


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._webhook_id = ""
        self._carried_webhooks = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._path = url.decode("ascii")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"webhook-id":
            self._webhook_id = value.decode("ascii")

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self._tell()
        elif self._path.startswith("/hang"):
            self._arrivals.hanging.add(self._transport)
        else:
            self._count()
            self._transport.write(_OK)

    def connection_lost(self, _error: Exception | None) -> None:
        self._arrivals.hanging.discard(self._transport)

    def _count(self) -> None:
        """The yardstick's requests have no id."""
        if not self._webhook_id:
            return
        if not self._carried_webhooks:
            self._carried_webhooks = True
            self._arrivals.connections += 1
        self._arrivals.add(self._path, self._webhook_id)

    def _tell(self) -> None:
        body = json.dumps(_ANSWERS[self._path](self._arrivals)).encode()
        head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()


_ANSWERS: dict[str, Callable[[Arrivals], object]] = {
    "/counts": Arrivals.counts,
    "/arrivals": lambda arrivals: arrivals.first,
    "/reset": Arrivals.reset,
    "/release": Arrivals.release,
}


async def _serve(port: int) -> None:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(arrivals), "127.0.0.1", port)
    await server.serve_forever()


def main() -> NoReturn:
    uvloop.run(_serve(int(sys.argv[1])))
    raise SystemExit(0)


if __name__ == "__main__":
    main()  # Without handlers of ours, whose exceptions do not end uvloop: SIGTERM just ends it.
