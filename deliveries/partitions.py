"""Day partitions of event, settled_delivery and attempt: make them, fill them, drop them.

Used by retention.py, which decides which days there are to be. Each table has one partition
for a day (`event_20261123`), one for all days before them (`event_past`), and DEFAULT, which
takes what no other does, so that publishing never waits for upkeep.

What moves rows locks the whole table in ACCESS EXCLUSIVE mode first. Locking only DEFAULT is
not enough: an insert that has already chosen DEFAULT would fail once the new partition takes
its row. Nobody waits longer than LOCK_TIMEOUT_MS for a lock that upkeep waits for.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import DeadlockDetected, LockNotAvailable

from webhooks_platform.lib import ids

T = TypeVar("T")

TABLES = ("event", "settled_delivery", "attempt")
#: While upkeep waits for a lock, whoever comes later waits behind it; so it waits briefly.
LOCK_TIMEOUT_MS = 500
TRIES = 40
#: Any constant; lets one process at a time change partitions.
ADVISORY_LOCK = 0x77686B70
#: More rows than this are not copied while publishes wait: DEFAULT itself becomes the partition.
MOVED_AT_MOST = 20_000

LIST = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass
"""
BOUNDS = re.compile(r"FROM \((?:'([0-9a-f-]{36})'|MINVALUE)\) TO \('([0-9a-f-]{36})'\)")
LOWEST = UUID(int=0)


@dataclass(frozen=True)
class Partition:
    """A part of a table that holds the ids from `low` up to, and without, `high`."""

    table: str
    name: str
    low: UUID
    high: UUID

    def overlaps(self, low: UUID, high: UUID) -> bool:
        return self.low < high and low < self.high


def listed(cursor: CursorWrapper, table: str) -> list[Partition]:
    """Return all partitions but DEFAULT, the oldest first."""
    cursor.execute(LIST, [table])
    found = [(name, BOUNDS.search(expression)) for name, expression in cursor.fetchall()]
    return sorted(
        (
            Partition(table, name, UUID(match[1]) if match[1] else LOWEST, UUID(match[2]))
            for name, match in found
            if match
        ),
        key=lambda partition: partition.low,
    )


def locked(step: Callable[[CursorWrapper], T]) -> T:
    """Run `step` in a transaction of its own, as the only one that changes partitions.

    Tried again when a lock is not had in time; raises OperationalError when TRIES are used up.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            return _once(step)
        except OperationalError as error:
            retryable = isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)
            if not retryable or not tries_left:
                raise
        time.sleep(0.2 + secrets.randbelow(800) / 1000)
    raise AssertionError("unreachable")


def _once(step: Callable[[CursorWrapper], T]) -> T:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(LOCK_TIMEOUT_MS)])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        return step(cursor)


def missing_days(cursor: CursorWrapper, table: str, wanted: list[date]) -> list[date]:
    """Return which of the wanted days have no partition, and the days of DEFAULT's rows."""
    present = listed(cursor, table)
    absent = {day for day in wanted if not any(part.overlaps(*ids.of_day(day)) for part in present)}
    return sorted(absent | set(_default_days(cursor, table)))


def _default_days(cursor: CursorWrapper, table: str) -> list[date]:
    days: list[date] = []
    low = LOWEST
    while first := _first_id(cursor, table, low):
        day = ids.timestamp(first).date()
        days.append(day)
        low = ids.of_day(day)[1]
    return days


def _first_id(cursor: CursorWrapper, table: str, low: UUID) -> UUID | None:
    cursor.execute(f"SELECT id FROM {table}_default WHERE id >= %s ORDER BY id LIMIT 1", [low])
    row = cursor.fetchone()
    return row[0] if row else None


def days_ahead(cursor: CursorWrapper) -> int:
    """Return for how many days after today all tables have partitions; -1 if not for today."""
    present = [listed(cursor, table) for table in TABLES]
    ahead, day = -1, today()
    while all(any(part.overlaps(*ids.of_day(day)) for part in parts) for parts in present):
        ahead, day = ahead + 1, day + timedelta(days=1)
    return ahead


def default_is_used(cursor: CursorWrapper) -> bool:
    """Tell whether rows wait in a DEFAULT partition for upkeep to move them."""
    return any(_first_id(cursor, table, LOWEST) for table in TABLES)


def make_day(cursor: CursorWrapper, table: str, day: date) -> bool:
    """Make the day's partition with DEFAULT's rows of that day in it; False if it is there.

    Locks the table when rows are to be moved, or may be arriving; otherwise only DEFAULT, and
    that for no longer than the catalog's change takes.
    """
    low, high = ids.of_day(day)
    if _first_id(cursor, table, LOWEST) or day <= today() + timedelta(days=1):
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    if any(part.overlaps(low, high) for part in listed(cursor, table)):
        return False
    name = f"{table}_{day:%Y%m%d}"
    cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)")
    _move(cursor, f"{table}_default", name, low, high)
    _attach(cursor, Partition(table, name, low, high))
    return True


def today() -> date:
    """Return the date in UTC by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")
        found: date = cursor.fetchone()[0]
        return found


def _move(cursor: CursorWrapper, source: str, target: str, low: UUID, high: UUID) -> None:
    cursor.execute(
        f"WITH moved AS (DELETE FROM {source} WHERE id >= %s AND id < %s RETURNING *) "
        f"INSERT INTO {target} SELECT * FROM moved",
        [low, high],
    )


def _attach(cursor: CursorWrapper, part: Partition) -> None:
    low = "MINVALUE" if part.low == LOWEST else f"'{part.low}'"
    cursor.execute(
        f"ALTER TABLE {part.table} ATTACH PARTITION {part.name} "
        f"FOR VALUES FROM ({low}) TO ('{part.high}')"
    )


def default_is_large(cursor: CursorWrapper, table: str) -> bool:
    cursor.execute(
        f"SELECT count(*) FROM (SELECT FROM {table}_default LIMIT %s) AS found",
        [MOVED_AT_MOST + 1],
    )
    count: int = cursor.fetchone()[0]
    return count > MOVED_AT_MOST


def adopt_default(cursor: CursorWrapper, table: str) -> bool:
    """Turn DEFAULT itself into the partition of all its days, and make an empty DEFAULT.

    Copies nothing, so its lock is short whatever DEFAULT holds. False, with nothing changed,
    if it holds nothing or another partition lies among its days.
    """
    cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    days = _default_days(cursor, table)
    if not days:
        return False
    low, high = ids.of_day(days[0])[0], ids.of_day(days[-1])[1]
    if any(part.overlaps(low, high) for part in listed(cursor, table)):
        return False
    name = f"{table}_{days[0]:%Y%m%d}"
    cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {table}_default")
    cursor.execute(f"ALTER TABLE {table}_default RENAME TO {name}")
    _attach(cursor, Partition(table, name, low, high))
    cursor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    return True


def drop(cursor: CursorWrapper, part: Partition, kept: str | None) -> None:
    """Drop a partition; rows whose id the query `kept` returns go to the partition of the past.

    `kept` has the placeholders `low` and `high`. The past then reaches up to the dropped days'
    end, so that a late row of theirs does not go to DEFAULT. No partition may lie between.
    """
    past = f"{part.table}_past"
    cursor.execute(f"LOCK TABLE {part.table} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"ALTER TABLE {part.table} DETACH PARTITION {past}")
    if kept:
        cursor.execute(
            f"INSERT INTO {past} SELECT * FROM {part.name} WHERE id IN ({kept})",
            {"low": part.low, "high": part.high},
        )
    cursor.execute(f"DROP TABLE {part.name}")
    _attach(cursor, Partition(part.table, past, LOWEST, part.high))
