"""The publish statement: any number of publications in one transaction of one statement.

A publication is stored whole (event, deliveries, idempotency key, uid) or leaves nothing. Of
those that want the same key or uid, at any time and from any process, one wins.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection as django_connection
from django.db import transaction

from deliveries.fan_out import FAN_OUT
from deliveries.publish.publication import (
    SEPARATOR,
    Accepted,
    Outcome,
    Publication,
    Refused,
    accepted,
)
from webhooks_platform.lib.binary_arrays import ByteaArray, TextArray, UuidArray
from webhooks_platform.lib.database import Connection
from webhooks_platform.lib.metrics import observe_accepted

ACCEPTED = 202

#: In the order of Publication's fields.
_ARRAYS: tuple[type[UuidArray | TextArray | ByteaArray], ...] = (
    *(UuidArray,) * 4,
    TextArray,
    *(UuidArray,) * 2,
    *(TextArray,) * 3,
    ByteaArray,
    *(TextArray,) * 6,
    ByteaArray,
)
_CASTS = {UuidArray: "uuid[]", TextArray: "text[]", ByteaArray: "bytea[]"}
_PARAMETERS = ", ".join(f"%s::{_CASTS[kind]}" for kind in _ARRAYS)

# The rows of `input` whose tenant exists, and is within the caller's reach, are `resolved`;
# those of them that repeat nothing already committed are `fresh`. Keys and uids are taken next:
# whoever loses one to a transaction of this moment is not `stored`. A row that wins one of the
# two and loses the other would leave a trace without an event, so it fails the statement (a
# division by zero); tried again alone, it finds the winner committed and is no longer `fresh`.
# Inserts are sorted, so that two statements wait for each other in one direction only, and of
# two rows with one uid the first wins.
_STORE = f"""
WITH input AS MATERIALIZED (
    SELECT * FROM unnest({_PARAMETERS}) AS i({", ".join(Publication._fields)})
),
resolved AS MATERIALIZED (
    SELECT i.event_id, i.organization_id, i.key_id, i.fingerprint, i.event_type, i.uid,
           string_to_array(i.channels, ',')::varchar[] AS channels,
           i.deliver_at::timestamptz AS deliver_at, t.id AS tenant
    FROM input i JOIN LATERAL (
        SELECT id FROM tenant
        WHERE id = i.tenant_id AND organization_id = i.organization_id AND deleted_at IS NULL
          AND NOT is_operational
        UNION ALL
        SELECT id FROM tenant
        WHERE organization_id = i.organization_id AND uid = i.tenant_uid AND deleted_at IS NULL
    ) t ON i.reach IS NULL OR i.reach = t.id
),
fresh AS MATERIALIZED (
    SELECT r.* FROM resolved r
    WHERE NOT EXISTS (SELECT FROM idempotency_key k WHERE k.id = r.key_id)
      AND NOT EXISTS (SELECT FROM event_uid u WHERE u.tenant_id = r.tenant AND u.uid = r.uid)
),
keys AS (
    INSERT INTO idempotency_key (id, fingerprint, created_at, event_id, status)
    SELECT key_id, fingerprint, clock_timestamp(), event_id, {ACCEPTED}
    FROM fresh WHERE key_id IS NOT NULL ORDER BY key_id
    ON CONFLICT DO NOTHING RETURNING event_id
),
uids AS (
    INSERT INTO event_uid (tenant_id, uid, event_id)
    SELECT tenant, uid, event_id FROM fresh WHERE uid IS NOT NULL ORDER BY tenant, uid, event_id
    ON CONFLICT DO NOTHING RETURNING event_id
),
judged AS MATERIALIZED (
    SELECT f.*, f.key_id IS NULL OR f.event_id IN (SELECT event_id FROM keys) AS key_won,
           f.uid IS NULL OR f.event_id IN (SELECT event_id FROM uids) AS uid_won
    FROM fresh f
),
stored AS MATERIALIZED (
    SELECT * FROM judged
    WHERE CASE WHEN key_won = uid_won OR key_id IS NULL OR uid IS NULL THEN key_won AND uid_won
               ELSE 1 / length(left(uid, 0)) = 1 END
),
events AS (
    INSERT INTO event (
        id, organization_id, tenant_id, event_type, uid, channels, payload, payload_expires_at,
        correlation_id, request_id, traceparent, deliver_at, tags, headers)
    SELECT s.event_id, s.organization_id, s.tenant, s.event_type, s.uid, s.channels, i.payload,
           i.payload_expires_at::timestamptz, i.correlation_id, i.request_id, i.traceparent,
           s.deliver_at, string_to_array(i.tags, '{SEPARATOR}')::varchar[], i.headers
    FROM stored s JOIN input i USING (event_id)
),
{FAN_OUT}
SELECT event_id, tenant, event_id IN (SELECT event_id FROM stored), (SELECT count(*) FROM opened)
FROM resolved
"""

_COLUMNS = f"""
       e.id, e.uid, e.event_type, array_to_string(e.channels, ','), e.payload,
       array_to_string(e.tags, '{SEPARATOR}'), e.deliver_at
"""
# What stands in the way of publications that were not stored.
_EXPLAIN = f"""
SELECT i.event_id, k.fingerprint = i.fingerprint, u.event_id, e.tenant_id = i.tenant, {_COLUMNS}
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[])
    AS i(event_id, tenant, key_id, fingerprint, uid)
LEFT JOIN idempotency_key k ON k.id = i.key_id
LEFT JOIN event_uid u ON u.tenant_id = i.tenant AND u.uid = i.uid
LEFT JOIN event e ON e.id = k.event_id
"""

_EARLIER = f"""
SELECT {_COLUMNS} FROM idempotency_key k
JOIN event e ON e.id = k.event_id JOIN tenant t ON t.id = e.tenant_id
WHERE k.id = %(key_id)s AND k.fingerprint = %(fingerprint)s
  AND t.organization_id = %(organization_id)s AND t.deleted_at IS NULL
  AND (t.id = %(tenant_id)s OR t.uid = %(tenant_uid)s)
  AND (%(reach)s::uuid IS NULL OR t.id = %(reach)s)
"""

Outcomes = dict[UUID, Outcome]
#: Publications that lost a key or uid, each with its tenant, by event id.
_Losers = dict[UUID, tuple[Publication, UUID]]


async def store(
    connection: Connection, publications: Sequence[Publication]
) -> tuple[Outcomes, int]:
    """Store what can be stored; return each one's outcome by event id, and the deliveries made.

    Committed on return if the connection is autocommit. An outcome is missing when the winner
    of a key or uid vanished meanwhile; that publication may be tried again. Raises psycopg's
    errors, and then nothing is stored.
    """
    columns = zip(*publications, strict=True)
    arrays = [kind(column) for kind, column in zip(_ARRAYS, columns, strict=True)]
    cursor = await connection.execute(_STORE, arrays, prepare=True, binary=True)
    outcomes, losers, opened = _sort(publications, await cursor.fetchall())
    if losers:
        rows = list(zip(*_questions(losers), strict=True))
        kinds = (UuidArray, UuidArray, UuidArray, UuidArray, TextArray)
        asked = [kind(column) for kind, column in zip(kinds, rows, strict=True)]
        cursor = await connection.execute(_EXPLAIN, asked, prepare=True, binary=True)
        outcomes |= _explanations(losers, await cursor.fetchall())
    return outcomes, opened


async def find_earlier(connection: Connection, publication: Publication) -> Accepted | None:
    """Return what the same request with the same idempotency key stored before, or None."""
    cursor = await connection.execute(_EARLIER, publication._asdict())
    row = await cursor.fetchone()
    return _from_row(row) if row else None


def store_now(publication: Publication) -> Outcome:
    """Store one publication in the caller's transaction, on Django's own connection.

    For synchronous callers that publish now and then. They hint after their commit.
    """
    columns = [[value] for value in publication]
    with transaction.atomic(), django_connection.cursor() as cursor:
        cursor.execute(_STORE, columns)
        outcomes, losers, _ = _sort([publication], cursor.fetchall())
        if losers:
            cursor.execute(_EXPLAIN, [[value] for value in _questions(losers)[0]])
            outcomes |= _explanations(losers, cursor.fetchall())
    outcome = outcomes.get(publication.event_id, Refused.KEY_USED)
    if isinstance(outcome, Accepted) and outcome.event_id == publication.event_id:
        transaction.on_commit(partial(observe_accepted, 1))
    return outcome


def _sort(
    publications: Sequence[Publication], rows: Sequence[Any]
) -> tuple[Outcomes, _Losers, int]:
    """Return outcomes that are clear, losers with their tenants, and the deliveries made."""
    found = {row[0]: row for row in rows}
    outcomes: Outcomes = {}
    losers: _Losers = {}
    for publication in publications:
        row = found.get(publication.event_id)
        if row is None:
            outcomes[publication.event_id] = Refused.NO_TENANT
        elif row[2]:
            outcomes[publication.event_id] = accepted(publication)
        else:
            losers[publication.event_id] = publication, row[1]
    return outcomes, losers, rows[0][3] if rows else 0


def _questions(losers: _Losers) -> list[tuple[Any, ...]]:
    return [(p.event_id, tenant, p.key_id, p.fingerprint, p.uid) for p, tenant in losers.values()]


def _explanations(losers: _Losers, rows: Sequence[Any]) -> Outcomes:
    outcomes: Outcomes = {}
    for event_id, same_request, uid_holder, same_tenant, *event in rows:
        if same_request is not None:
            same = same_request and same_tenant
            outcomes[event_id] = _from_row(event) if same else Refused.KEY_USED
        elif uid_holder == event_id:
            # The first try did store it, but its connection broke before it could tell.
            outcomes[event_id] = accepted(losers[event_id][0])
        elif uid_holder is not None:
            outcomes[event_id] = Refused.UID_USED
    return outcomes


def _from_row(row: Sequence[Any]) -> Accepted:
    found = Accepted(*row)
    return found._replace(payload=None if found.payload is None else bytes(found.payload))
