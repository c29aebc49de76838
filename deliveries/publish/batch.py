"""Store many events of one request in one transaction, under one idempotency key."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg

from deliveries.publish.committer import STATEMENT_SETTINGS
from deliveries.publish.publication import Accepted, Publication, Refused, UnavailableError
from deliveries.publish.publisher import Hint
from deliveries.publish.statement import ACCEPTED, Outcomes, store
from webhooks_platform.lib import keyring
from webhooks_platform.lib.database import Connection
from webhooks_platform.lib.metrics import observe_accepted
from webhooks_platform.lib.reconnecting import Reconnecting

#: How long a repeat waits for the first request with its key.
WAIT = "10s"

#: Batches under way at once: while PostgreSQL stores some, another is read and answered.
CONNECTIONS = 3
_SETTINGS = f"{STATEMENT_SETTINGS.strip()}; SET lock_timeout = '{WAIT}'"
_TAKE = """
INSERT INTO idempotency_key (id, fingerprint, created_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING id
"""
_KEEP = "UPDATE idempotency_key SET status = %s, answer = %s WHERE id = %s"
_RECALL = "SELECT fingerprint, answer FROM idempotency_key WHERE id = %s"

Render = Callable[[Outcomes], bytes]


class NoTenantError(Exception):
    """The tenant of the batch does not exist; nothing was stored."""


class KeyUsedError(Exception):
    """The idempotency key belongs to another request, or to one still in progress."""


class BatchPublisher:
    """A few connections for the batches of one event loop, which take turns."""

    def __init__(self, hint: Hint) -> None:
        """`hint` is called after each commit that made deliveries; it neither waits nor raises."""
        self._hint = hint
        self._idle = [
            Reconnecting("webhooks-publish-batch", settings=_SETTINGS) for _ in range(CONNECTIONS)
        ]
        self._turns = asyncio.Semaphore(CONNECTIONS)

    async def publish(
        self,
        publications: Sequence[Publication],
        render: Render,
        *,
        key_id: UUID | None = None,
        fingerprint: UUID | None = None,
    ) -> bytes:
        """Return the answer that `render` makes of the outcomes, once all is committed.

        With a key that was used, the first answer again. Raises NoTenantError, KeyUsedError, or
        UnavailableError when it is not known whether anything was stored.
        """
        async with self._turns:
            database = self._idle.pop()
            try:
                answer, made, deliveries = await _transaction(
                    await database.get(), publications, render, key_id, fingerprint
                )
            except psycopg.errors.LockNotAvailable:
                raise (UnavailableError if key_id is None else KeyUsedError) from None
            except psycopg.OperationalError:
                raise UnavailableError from None
            finally:
                self._idle.append(database)
        observe_accepted(made)
        if deliveries:
            await self._hint()
        return answer

    async def close(self) -> None:
        for database in self._idle:
            await database.close()


async def _transaction(
    connection: Connection,
    publications: Sequence[Publication],
    render: Render,
    key_id: UUID | None,
    fingerprint: UUID | None,
) -> tuple[bytes, int, int]:
    """Return the answer, and how many events and deliveries were made."""
    async with connection.transaction():
        if key_id is not None and not await _take(connection, key_id, fingerprint):
            return await _recall(connection, key_id, fingerprint), 0, 0
        outcomes, deliveries = await _store(connection, publications)
        if Refused.NO_TENANT in outcomes.values():
            raise NoTenantError
        answer = render(outcomes)
        if key_id is not None:
            sealed = keyring.configured().seal(answer, bound_to=key_id)
            await connection.execute(_KEEP, [ACCEPTED, sealed, key_id])
    return answer, sum(isinstance(each, Accepted) for each in outcomes.values()), deliveries


async def _store(
    connection: Connection, publications: Sequence[Publication]
) -> tuple[Outcomes, int]:
    return await store(connection, publications) if publications else ({}, 0)


async def _take(connection: Connection, key_id: UUID, fingerprint: UUID | None) -> bool:
    cursor = await connection.execute(_TAKE, [key_id, fingerprint])
    return await cursor.fetchone() is not None


async def _recall(connection: Connection, key_id: UUID, fingerprint: UUID | None) -> bytes:
    cursor = await connection.execute(_RECALL, [key_id])
    row = await cursor.fetchone()
    if row is None or row[0] != fingerprint or row[1] is None:
        raise KeyUsedError
    return keyring.configured().open(row[1], bound_to=key_id)
