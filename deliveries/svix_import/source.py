"""Reads from an API like svix', through the guard that every outbound connection passes."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx

from deliveries.transport import BlockedTargetError, GuardedTransport, Transport
from endpoints import guard

#: Bytes of one answer, and seconds for it.
READ_MAX: Final = 32 * 1024 * 1024
DEADLINE: Final = 30.0
#: Seconds before each further try, when the source is overloaded or cannot be reached.
PAUSES: Final = (1.0, 4.0, 10.0)
#: Rows of a page; event types come with their schemas, which may be long.
LIMIT, LIMIT_WITH_CONTENT = 250, 50
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})

Row = Mapping[str, Any]


class SourceError(Exception):
    """The source did not give what was asked for; the text says what it did instead."""


class Source:
    """One organization at an API like svix'; every call is one request, or one and its repeats."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        runner: asyncio.Runner,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._runner = runner
        self._sleep = sleep

    def get(self, *path: str, **query: str) -> Row:
        """Return one object; `path` are its segments. Raises SourceError."""
        where = "/".join(quote(segment, safe="") for segment in path)
        answer = self._asked(f"/api/v1/{where}", query)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SourceError(f"/{where} did not answer a JSON object")
        return found

    def pages(self, *path: str, limit: int = LIMIT, **query: str) -> Iterator[Row]:
        """Yield the rows of a list, page by page. Raises SourceError."""
        iterator: str | None = None
        while True:
            at = {} if iterator is None else {"iterator": iterator}
            page = self.get(*path, limit=str(limit), **query, **at)
            yield from _rows(page)
            if page.get("done", True):
                return
            if page.get("iterator") in (None, iterator):
                raise SourceError("the list does not end: its iterator stays the same")
            iterator = str(page["iterator"])

    def _asked(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        for pause in (*PAUSES, None):
            try:
                answer = self._runner.run(self._client.get(path, params=query))
            except BlockedTargetError as error:
                raise SourceError(f"the guard refuses the source: {error}") from None
            except httpx.TransportError as error:
                fault = f"the source cannot be read: {error}"
            else:
                if answer.is_success:
                    return answer
                fault = f"{path} answered {answer.status_code}"
                if answer.status_code not in _AGAIN:
                    break
            if pause is not None:
                self._sleep(pause)
        raise SourceError(fault)


@contextmanager
def opened(url: str, token: str) -> Iterator[Source]:
    """Open a source at `url`, which is what its SDKs are given; the token goes nowhere else."""
    with asyncio.Runner() as runner:
        transport = runner.run(_transport())
        client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"authorization": f"Bearer {token}"},
            transport=GuardedTransport(transport, read_max=READ_MAX),
            timeout=DEADLINE,
            follow_redirects=False,
            trust_env=False,
        )
        try:
            yield Source(client, runner)
        finally:
            runner.run(transport.aclose())


async def _transport() -> Transport:
    return Transport(policy=guard.address_policy())


def _rows(page: Row) -> list[Row]:
    rows = page.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceError("a page has no list of objects as its data")
    return rows
