"""Gathers concurrent publishes, so that they share statements and commits.

Alone, a publish waits for nobody. When many come, they wait while a statement runs and a moment
more, and make up the next: a statement for 20 costs little more than one for 5.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress

import structlog

from deliveries.publish.committer import Committer, Results
from deliveries.publish.publication import (
    Accepted,
    Outcome,
    OverloadedError,
    Publication,
    PublishError,
    UnavailableError,
)
from webhooks_platform.lib import metrics

#: Rows and payload bytes of one statement.
STATEMENT_ROWS = 256
STATEMENT_BYTES = 4 * 1_048_576
#: What may wait; beyond it, publishers are told to come again.
WAITING_ROWS = 4096
WAITING_BYTES = 64 * 1_048_576
#: Statements under way at once.
COMMITTERS = 2
#: Rows of the last statement from which on publishes gather: seconds that they wait for the
#: statement under way, which then is slow and gets company, and for each other.
GATHER_FROM = 4
SLOW = 0.005
GATHER = 0.001
#: Tries of a publication whose winning rival vanished.
TRIES = 3

logger = structlog.get_logger()

Hint = Callable[[], Awaitable[None]]
_Waiting = tuple[Publication, "asyncio.Future[Outcome]"]


class Publisher:
    """The queue of one event loop in front of the database."""

    def __init__(self, hint: Hint, *, committers: int = COMMITTERS) -> None:
        """`hint` is called after each commit that made deliveries; it neither waits nor raises."""
        self._hint = hint
        self._committers = [Committer() for _ in range(committers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._under_way: dict[Hashable, tuple[Publication, asyncio.Future[Outcome]]] = {}
        self._closing = False
        #: Who holds it gathers the next statement.
        self._turn = asyncio.Lock()
        self._under_statement = 0
        self._ended = asyncio.Event()
        self._rows = 0

    def open(self) -> None:
        """Start the committers in the running loop; no connection is made yet."""
        self._tasks = [asyncio.create_task(self._run(each)) for each in self._committers]

    async def close(self) -> None:
        """Commit what waits, then end."""
        self._closing = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def publish(self, publication: Publication) -> Outcome:
        """Return what became of it once that is committed; raise PublishError if nobody knows.

        Of two at once with one idempotency key or one uid, the second waits for the first.
        """
        names = _names(publication)
        while rival := self._rival(names):
            first, future = rival
            await asyncio.wait([future])
            if _is_same_request(first, publication) and not future.cancelled():
                return future.result()
        return await self._enqueue(publication, names)

    def _rival(self, names: list[Hashable]) -> tuple[Publication, asyncio.Future[Outcome]] | None:
        for name in names:
            if name in self._under_way:
                return self._under_way[name]
        return None

    async def _enqueue(self, publication: Publication, names: list[Hashable]) -> Outcome:
        if self._closing:
            raise UnavailableError
        size = len(publication.payload)
        if len(self._waiting) >= WAITING_ROWS or self._waiting_bytes + size > WAITING_BYTES:
            raise OverloadedError
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if names:
            self._under_way.update(dict.fromkeys(names, (publication, future)))
            future.add_done_callback(lambda _: self._release(names))
        self._waiting.append((publication, future))
        self._waiting_bytes += size
        self._arrived.set()
        return await future

    def _release(self, names: list[Hashable]) -> None:
        for name in names:
            self._under_way.pop(name, None)

    async def _run(self, committer: Committer) -> None:
        """Commit batch after batch, until closed and nothing waits."""
        try:
            while batch := await self._next():
                self._under_statement += 1
                await self._commit_or_fail(committer, batch)
                self._under_statement -= 1
                self._ended.set()
        finally:
            await committer.close()

    async def _next(self) -> list[_Waiting]:
        """Return what makes up the next statement; nothing, once closed and nothing waits."""
        async with self._turn:
            while True:
                await self._arrived.wait()
                await self._gather()
                batch = self._take()
                if not self._waiting and not self._closing:
                    self._arrived.clear()
                if batch or self._closing:
                    self._rows = len(batch)
                    return batch

    async def _gather(self) -> None:
        """Let more publishes come, if many do."""
        if self._rows < GATHER_FROM or self._closing:
            return
        self._ended.clear()
        if self._under_statement:
            with suppress(TimeoutError):
                async with asyncio.timeout(SLOW):
                    await self._ended.wait()
        await asyncio.sleep(GATHER)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < STATEMENT_ROWS:
            size += len(self._waiting[0][0].payload)
            if batch and size > STATEMENT_BYTES:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= len(batch[-1][0].payload)
        return batch

    async def _commit_or_fail(self, committer: Committer, batch: list[_Waiting]) -> None:
        """As _commit(); an error that nobody foresaw fails the batch, not the committer."""
        try:
            await self._commit(committer, batch)
        except Exception as error:
            logger.error("publish_broken", exception_type=type(error).__name__)
            for _, future in batch:
                _fail(future, PublishError())

    async def _commit(self, committer: Committer, batch: list[_Waiting]) -> None:
        for _ in range(TRIES):
            results, deliveries = await committer.commit([member for member, _ in batch])
            metrics.observe_accepted(_stored(results))
            if deliveries:
                await self._hint()
            batch = _answer(batch, results)
            if not batch:
                return
        for _, future in batch:
            _fail(future, UnavailableError())


def _stored(results: Results) -> int:
    """Return how many events are new; the answer to a repeat names the event of the first."""
    return sum(
        isinstance(result, Accepted) and result.event_id == event_id
        for event_id, result in results.items()
    )


def _names(publication: Publication) -> list[Hashable]:
    """Return what no two publications under way may have in common."""
    names: list[Hashable] = []
    if publication.key_id is not None:
        names.append(publication.key_id)
    if publication.uid is not None:
        tenant = publication.tenant_id or publication.tenant_uid
        names.append((publication.organization_id, tenant, publication.uid))
    return names


def _is_same_request(one: Publication, other: Publication) -> bool:
    if one.key_id is None:
        return False
    return (one.key_id, one.fingerprint, one.reach) == (
        other.key_id,
        other.fingerprint,
        other.reach,
    )


def _answer(batch: list[_Waiting], results: Results) -> list[_Waiting]:
    """Wake those whose outcome is known; return the others."""
    others = []
    for member, future in batch:
        result = results.get(member.event_id)
        if result is None:
            others.append((member, future))
        elif isinstance(result, PublishError):
            _fail(future, result)
        elif not future.done():
            future.set_result(result)
    return others


def _fail(future: "asyncio.Future[Outcome]", error: PublishError) -> None:
    if future.done():
        return
    future.set_exception(error)
    # When its client has gone, nobody asks for the exception, and that is no fault.
    future.exception()
