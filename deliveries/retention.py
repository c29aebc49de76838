"""Upkeep of storage: partitions ahead and behind, expired payloads, what need not be known longer.

Called by the Celery task of the same name and by the commands `upkeep` and `partitions`. Every
function may run at any time, in any number of processes at once, and be stopped at any point;
none holds a lock on the queue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from deliveries import partitions, tenant_end
from deliveries.partitions import Partition
from webhooks_platform.lib import ids

DAYS_AHEAD = 7
#: Rows per statement; longer ones would hold back vacuum and be felt by publishes.
BATCH = 1000
#: More rows than this are not copied while publishes wait; their day keeps its partition.
CARRIED_AT_MOST = 20_000

# A delivery's id lies in the millisecond of its event's, so both indexes serve a range of days.
NEEDED_EVENTS = """
SELECT event_id FROM dead_letter
WHERE decision IS NULL AND delivery_id >= %(low)s AND delivery_id < %(high)s
UNION SELECT event_id FROM open_delivery WHERE id >= %(low)s AND id < %(high)s
"""
NEEDED_DELIVERIES = """
SELECT delivery_id FROM dead_letter
WHERE decision IS NULL AND delivery_id >= %(low)s AND delivery_id < %(high)s
"""
NEEDED = {"event": NEEDED_EVENTS, "settled_delivery": NEEDED_DELIVERIES, "attempt": None}

# OFFSET 0 keeps the look-up by index; as a join it would read the whole queue. What is open ends
# at its next attempt, as expired. Dead letters hold no payload: a promise to forget has no end.
EMPTY_PAYLOADS = """
WITH due AS (
    SELECT id FROM event e
    WHERE payload_expires_at <= clock_timestamp() AND payload IS NOT NULL
      AND NOT EXISTS (
        SELECT FROM open_delivery o WHERE o.event_id = e.id
          AND o.id >= (left(e.id::text, 13) || '-0000-0000-000000000000')::uuid
          AND o.id <= (left(e.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
        OFFSET 0)
    ORDER BY payload_expires_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE event SET payload = NULL, headers = NULL
FROM due WHERE event.id = due.id
"""
FORGET_KEYS = """
DELETE FROM idempotency_key WHERE id IN (
    SELECT id FROM idempotency_key WHERE created_at < clock_timestamp() - interval '24 hours'
    ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""
# What was decided about deliveries that are not kept any more. The audit log remembers it.
FORGET_LETTERS = """
DELETE FROM dead_letter WHERE id IN (
    SELECT id FROM dead_letter
    WHERE decision IS NOT NULL AND id < %(limit)s AND decided_at < %(moment)s
    ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""
FORGET_REPLAYS = """
DELETE FROM replay WHERE id IN (
    SELECT r.id FROM replay r
    WHERE r.state NOT IN ('running', 'paused') AND r.finished_at < %(moment)s
      AND NOT EXISTS (SELECT FROM dead_letter l WHERE l.replay_id = r.id)
    ORDER BY r.id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""
FORGET_PURGES = """
DELETE FROM content_purge WHERE id IN (
    SELECT id FROM content_purge WHERE finished_at < %(moment)s
    ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
"""
FORGET_LANES = """
DELETE FROM replay_lane WHERE (replay_id, endpoint_id) IN (
    SELECT l.replay_id, l.endpoint_id FROM replay_lane l JOIN replay r ON r.id = l.replay_id
    WHERE r.state NOT IN ('running', 'paused') LIMIT %(batch)s
)
"""


@dataclass(frozen=True)
class Upkeep:
    """What one run did: names of partitions, numbers of rows."""

    made: list[str]
    dropped: list[str]
    payloads_emptied: int
    keys_forgotten: int
    decisions_forgotten: int


def run() -> Upkeep:
    """Do all of it once; the order matters, for a day is dropped only when DEFAULT is empty."""
    # Undecided letters hold their days.
    tenant_end.discard_left_behind()
    return Upkeep(
        made=ensure_partitions(),
        dropped=drop_expired(),
        payloads_emptied=empty_expired_payloads(),
        keys_forgotten=forget_idempotency_keys(),
        decisions_forgotten=forget_decisions(),
    )


def ensure_partitions(
    days_ahead: int = DAYS_AHEAD, *, today: date | None = None, dry_run: bool = False
) -> list[str]:
    """Make the partitions of today and the days ahead, and empty DEFAULT into its days'.

    Returns the names of what was made here, or would be; another process may make the rest.
    """
    first = today or partitions.today()
    wanted = [first + timedelta(days=ahead) for ahead in range(days_ahead + 1)]
    return [name for table in partitions.TABLES for name in _ensure(table, wanted, dry_run=dry_run)]


def _ensure(table: str, wanted: list[date], *, dry_run: bool) -> list[str]:
    with connection.cursor() as cursor:
        large = partitions.default_is_large(cursor, table)
        if large and not dry_run:
            partitions.locked(lambda cursor: partitions.adopt_default(cursor, table))
        missing = partitions.missing_days(cursor, table, wanted)
    return [
        f"{table}_{day:%Y%m%d}"
        for day in missing
        if dry_run or partitions.locked(_maker(table, day))
    ]


def _maker(table: str, day: date) -> Callable[[CursorWrapper], bool]:
    return lambda cursor: partitions.make_day(cursor, table, day)


def drop_expired(
    retention_days: int | None = None, *, today: date | None = None, dry_run: bool = False
) -> list[str]:
    """Drop the partitions that are wholly older than `retention_days`; return their names.

    Events of open deliveries and of undecided dead letters stay, with the dead letters' own
    deliveries, in the partition of the past; it loses them once they are not needed any more.
    """
    now = today or partitions.today()
    limit = ids.of_day(now - timedelta(days=_days(retention_days)))[0]
    return [
        name for table in partitions.TABLES for name in _drop_expired(table, limit, dry_run=dry_run)
    ]


def _drop_expired(table: str, limit: UUID, *, dry_run: bool) -> list[str]:
    with connection.cursor() as cursor:
        past, *days = partitions.listed(cursor, table)
    expired = [part for part in days if part.high <= limit]
    if dry_run:
        return [part.name for part in expired]
    _prune(past, before=limit)
    droppable = list(takewhile(_is_light, expired))
    for part in expired[len(droppable) :]:
        _prune(part, before=limit)
    for part in droppable:
        _drop(part)
    return [part.name for part in droppable]


def _is_light(part: Partition) -> bool:
    """Tell whether few enough rows are needed to be copied; else no later day can go, either."""
    needed = NEEDED[part.table]
    if needed is None:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT FROM ({needed}) AS needed LIMIT %(most)s) AS found",
            {"low": part.low, "high": part.high, "most": CARRIED_AT_MOST + 1},
        )
        count: int = cursor.fetchone()[0]
    return count <= CARRIED_AT_MOST


def _drop(part: Partition) -> None:
    if part.table == "event":
        _prune(part, before=part.high, uids_only=True)
    partitions.locked(
        lambda cursor: (
            partitions.drop(cursor, part, NEEDED[part.table])
            if part.name in {present.name for present in partitions.listed(cursor, part.table)}
            else None
        )
    )


def _prune(part: Partition, *, before: UUID, uids_only: bool = False) -> None:
    """Delete what is not needed from one partition, below an id; or only the events' uids."""
    last = partitions.LOWEST
    while page := _page(part, last, before):
        last = page[-1]
        _prune_page(part, page, uids_only=uids_only)


def _page(part: Partition, after: UUID, before: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {part.table} WHERE id > %s AND id >= %s AND id < %s AND id < %s "
            "ORDER BY id LIMIT %s",
            [after, part.low, part.high, before, BATCH],
        )
        return [row[0] for row in cursor.fetchall()]


def _prune_page(part: Partition, page: list[UUID], *, uids_only: bool) -> None:
    needed = NEEDED[part.table]
    span: dict[str, Any] = {
        "page": page,
        "low": ids.first_at(ids.timestamp(page[0])),
        "high": ids.first_at(ids.timestamp(page[-1]) + timedelta(milliseconds=1)),
    }
    unneeded = f"id = ANY(%(page)s) AND id NOT IN ({needed})" if needed else "id = ANY(%(page)s)"

    def step(cursor: CursorWrapper) -> None:
        # A replay that has read the event, but not yet queued it, is waited for.
        cursor.execute(f"LOCK TABLE {part.name} IN ACCESS EXCLUSIVE MODE")
        if part.table == "event":
            cursor.execute(
                "DELETE FROM event_uid u USING event e WHERE u.tenant_id = e.tenant_id "
                f"AND u.uid = e.uid AND u.event_id = e.id AND {unneeded}",
                span,
            )
        if not uids_only:
            cursor.execute(f"DELETE FROM {part.table} WHERE {unneeded}", span)

    partitions.locked(step)


def empty_expired_payloads() -> int:
    """Empty the payloads whose time is over and that no delivery waits for."""
    return _in_batches(EMPTY_PAYLOADS)


def forget_idempotency_keys() -> int:
    """Delete the idempotency keys that were first used more than a day ago."""
    return _in_batches(FORGET_KEYS)


def forget_decisions(retention_days: int | None = None) -> int:
    """Delete decided dead letters and ended replays older than the retention.

    Lanes of jobs go as soon as the job has ended. Returns how many letters and replays went.
    """
    limit = timezone.now() - timedelta(days=_days(retention_days))
    old = {"moment": limit, "limit": ids.first_at(limit)}
    _in_batches(FORGET_LANES)
    _in_batches(FORGET_PURGES, {"moment": limit})
    return _in_batches(FORGET_LETTERS, old) + _in_batches(FORGET_REPLAYS, old)


def _days(asked: int | None) -> int:
    kept: int = settings.ENVIRONMENT.WEBHOOKS_RETENTION_DAYS
    return kept if asked is None else asked


def _in_batches(statement: str, values: dict[str, Any] | None = None) -> int:
    """Run a statement, each time in a transaction of its own, until it finds no full batch."""
    total = 0
    while True:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(statement, {"batch": BATCH, **(values or {})})
            count: int = cursor.rowcount
        total += count
        if count < BATCH:
            return total
