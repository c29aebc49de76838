"""Move all that is sealed to the newest key of the ring, in batches and under traffic.

Every process must know the new key before this runs, and goes on opening either. A batch locks
its rows only while it is written and waits for none: rows that somebody else holds are left to
the next pass. What a token holds does not change, so versions stay and nothing is reloaded.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from endpoints.audit import Actor, record
from endpoints.models import Organization
from webhooks_platform.lib import ids
from webhooks_platform.lib.keyring import Keyring, KeyringError

BATCH_ROWS = 500
UNREADABLE = "unreadable"
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of tokens in a table with an `id`."""

    table: str
    column: str
    #: The column that names the token's key, if the table has one.
    key_id: str | None = None

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


#: All there are. A token that is missing here would be lost with its key.
COLUMNS = (
    SealedColumn("signing_secret", "ciphertext", "key_id"),
    SealedColumn("endpoint", "headers"),
    SealedColumn("endpoint", "userinfo"),
    SealedColumn("idempotency_key", "answer"),
    SealedColumn("event", "headers"),
)

Report = Callable[[SealedColumn, int], None]


def reencrypt(ring: Keyring, report: Report, *, batch_rows: int = BATCH_ROWS) -> int:
    """Reseal every token that an older key made; return how many. May be stopped and run again.

    `report` hears after each batch with changes how many of the column's rows are done.
    """
    return sum(_column(ring, column, report, batch_rows) for column in COLUMNS)


def record_rotation(ring: Keyring, done: Mapping[str, int], *, actor: Actor) -> None:
    """Audit a run, also one that was stopped: how many values of each column are resealed.

    It concerns all organizations and stands in the default one's log.
    """
    organization = Organization.objects.get(is_default=True)
    record(
        actor,
        "encryption_key.rotated",
        organization_id=organization.id,
        tenant_id=None,
        target=ids.to_text(ids.ORGANIZATION, organization.id),
        detail={"newest_key": ring.newest_key_id, "resealed": dict(done)},
    )


def count_keys(ring: Keyring) -> dict[SealedColumn, Counter[str]]:
    """Return for each column how many tokens each key made; UNREADABLE stands for no key."""
    return {column: Counter(_key_ids(ring, column)) for column in COLUMNS}


def _column(ring: Keyring, column: SealedColumn, report: Report, batch_rows: int) -> int:
    done = 0
    while resealed := sum(_pass(ring, column, lambda n: report(column, n), done, batch_rows)):
        done += resealed
    return done


def _pass(
    ring: Keyring, column: SealedColumn, report: Callable[[int], None], done: int, batch_rows: int
) -> Iterator[int]:
    """Go once over the column by id; yield how many tokens of each batch were resealed."""
    after: UUID | None = FIRST
    while after is not None:
        resealed, after = _batch(ring, column, after, batch_rows)
        done += resealed
        if resealed:
            report(done)
        yield resealed


def _batch(
    ring: Keyring, column: SealedColumn, after: UUID, batch_rows: int
) -> tuple[int, UUID | None]:
    """Reseal what is old in one batch; return how many, and where the next batch begins."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_select(column, lock=True), [after, batch_rows])
        rows = cursor.fetchall()
        fresh = {row_id: token for row_id, old in rows if (token := _resealed(ring, old))}
        if fresh:
            names = [ring.newest_key_id] if column.key_id else []
            cursor.execute(_update(column), [*names, list(fresh), list(fresh.values())])
    return len(fresh), rows[-1][0] if rows else None


def _resealed(ring: Keyring, token: bytes) -> bytes | None:
    """Return a new token for one that an older key made; None for the newest and unreadable."""
    try:
        if ring.key_id(token) == ring.newest_key_id:
            return None
        return ring.reseal(token)
    except KeyringError:
        return None


def _key_ids(ring: Keyring, column: SealedColumn) -> Iterator[str]:
    after: UUID | None = FIRST
    while after is not None:
        with connection.cursor() as cursor:
            cursor.execute(_select(column), [after, BATCH_ROWS])
            rows = cursor.fetchall()
        for _, token in rows:
            try:
                yield ring.key_id(token)
            except KeyringError:
                yield UNREADABLE
        after = rows[-1][0] if rows else None


def _select(column: SealedColumn, *, lock: bool = False) -> str:
    return (
        f"SELECT id, {column.column} FROM {column.table} "
        f"WHERE id > %s AND {column.column} IS NOT NULL ORDER BY id LIMIT %s"
        + (" FOR NO KEY UPDATE SKIP LOCKED" if lock else "")
    )


def _update(column: SealedColumn) -> str:
    named = f", {column.key_id} = %s" if column.key_id else ""
    return (
        f"UPDATE {column.table} SET {column.column} = fresh.token{named} "
        "FROM unnest(%s::uuid[], %s::bytea[]) AS fresh (id, token) "
        f"WHERE {column.table}.id = fresh.id"
    )
