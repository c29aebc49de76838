"""Runs the publish statement on one connection, and decides what each failure means.

A statement that fails is repeated for its members one by one, so that a bad one fails alone.
When the connection breaks, nobody knows whether the statement was committed; it is repeated once
on a new connection, where what was stored shows by its event ids, keys and uids.
"""

from collections.abc import Sequence
from uuid import UUID

import psycopg
import structlog

from deliveries.publish.publication import (
    Outcome,
    Publication,
    PublishError,
    UnavailableError,
    accepted,
)
from deliveries.publish.statement import Outcomes, store
from webhooks_platform.lib.reconnecting import NoDatabaseError, Reconnecting

#: A member's outcome, or why it has none.
Result = Outcome | PublishError
Results = dict[UUID, Result]

# The statement is planned once, for any number of rows: planning anew takes longer than running
# it. A plan made while a table was empty must not scan it when it has grown.
STATEMENT_SETTINGS = """
SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
SET enable_mergejoin = off; SET jit = off
"""

logger = structlog.get_logger()


class FailedError(PublishError):
    """The database refuses this publication; a fault of ours."""


class Committer:
    """One connection, opened when first needed and again after it broke."""

    def __init__(self) -> None:
        self._connection = Reconnecting("webhooks-publish", settings=STATEMENT_SETTINGS)

    async def commit(self, batch: Sequence[Publication]) -> tuple[Results, int]:
        """Store `batch`; return results by event id, and how many deliveries were made."""
        try:
            outcomes, deliveries = await self._store(batch)
        except UnavailableError as error:
            return {member.event_id: error for member in batch}, 0
        except psycopg.Error as error:
            if len(batch) > 1:
                return await self._singly(batch)
            logger.error("publish_failed", exception_type=type(error).__name__)
            return {batch[0].event_id: FailedError()}, 0
        return {**outcomes}, deliveries

    async def _singly(self, batch: Sequence[Publication]) -> tuple[Results, int]:
        results: Results = {}
        deliveries = 0
        for member in batch:
            result, made = await self.commit([member])
            results |= result
            deliveries += made
        return results, deliveries

    async def _store(self, batch: Sequence[Publication]) -> tuple[Outcomes, int]:
        """Run the statement, twice if the connection breaks; raise UnavailableError after that."""
        for is_retry in (False, True):
            try:
                return await store(await self._connection.get(), batch)
            except NoDatabaseError:
                break
            except psycopg.errors.UniqueViolation:
                if not is_retry or len(batch) > 1:
                    raise
                # Without key and uid, only the event's own id tells that it is stored already.
                return {batch[0].event_id: accepted(batch[0])}, 1
            except psycopg.Error as error:
                if not self._connection.is_broken:
                    raise
                logger.warning("publish_connection_lost", exception_type=type(error).__name__)
        raise UnavailableError

    async def close(self) -> None:
        await self._connection.close()
