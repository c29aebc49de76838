"""Answer questions about usage: what tenants send, and which event types they subscribe to.

Run beside a loop's claims, on a connection of its own. A question is taken for a while, which every
portion prolongs; of a process that was killed, another takes it then and begins anew.
"""

from typing import Any
from uuid import UUID

from psycopg.errors import QueryCanceled
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from deliveries.queries.paging import last_of_instant
from endpoints.models import UsageQuestion
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

#: Tenants of one statement, which takes 30 seconds at most; seconds for which a question is taken.
PORTION = 50
TAKEN = 90.0

TAKE = """
UPDATE usage_question SET taken_until = clock_timestamp() + %(taken)s * interval '1 second'
WHERE id = (SELECT id FROM usage_question WHERE state = 'running'
              AND taken_until <= clock_timestamp()
            ORDER BY taken_until LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, organization_id, kind, tenant_ids, since, until
"""
PROLONG = """
UPDATE usage_question SET taken_until = clock_timestamp() + %(taken)s * interval '1 second'
WHERE id = %(id)s AND state = 'running'
"""
FINISH = """
UPDATE usage_question SET state = %(state)s, answer = %(answer)s, finished_at = clock_timestamp()
WHERE id = %(id)s AND state = 'running'
"""
_TENANTS = """
    SELECT id, uid FROM tenant
    WHERE organization_id = %(organization)s AND deleted_at IS NULL AND NOT is_operational
      AND id > %(after)s
      AND (%(tenants)s::uuid[] IS NULL OR id = ANY (%(tenants)s::uuid[]))
    ORDER BY id LIMIT %(portion)s
"""
# Attempts are found by endpoint, deleted ones too, and events by tenant: a range of an index in
# each day of the window. A tenant without endpoints has made none.
USAGE = f"""
WITH t AS MATERIALIZED ({_TENANTS})
SELECT t.id, t.uid, made.attempts, published.messages
FROM t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n.attempts), 0)::bigint AS attempts
    FROM endpoint e CROSS JOIN LATERAL (
        SELECT count(*) AS attempts FROM attempt a
        WHERE a.endpoint_id = e.id AND a.id >= %(first)s AND a.id <= %(last)s) n
    WHERE e.tenant_id = t.id) made
CROSS JOIN LATERAL (
    SELECT count(*) AS messages FROM event v
    WHERE v.tenant_id = t.id AND v.id >= %(first)s AND v.id <= %(last)s) published
ORDER BY t.id
"""
EVENT_TYPES = f"""
WITH t AS MATERIALIZED ({_TENANTS})
SELECT t.id, t.uid, wanted.names, wanted.catch_all
FROM t CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT name ORDER BY name) FILTER (WHERE name IS NOT NULL), '{{}}')
               AS names,
           coalesce(bool_or(e.event_types IS NULL), false) AS catch_all
    FROM endpoint e LEFT JOIN LATERAL unnest(e.event_types) AS name ON true
    WHERE e.tenant_id = t.id AND e.deleted_at IS NULL) wanted
ORDER BY t.id
"""

Question = dict[str, Any]


async def work(connection: Connection) -> bool:
    """Answer one question; whether there was one."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(TAKE, {"taken": TAKEN})
        question = await cursor.fetchone()
    if question is None:
        return False
    try:
        answer, state = await _answer(connection, question), UsageQuestion.State.FINISHED
    except QueryCanceled:
        answer, state = {"error": "This takes too long; ask for less."}, UsageQuestion.State.FAILED
    values = {"id": question["id"], "state": state.value, "answer": Jsonb(answer)}
    await connection.execute(FINISH, values)
    return True


async def _answer(connection: Connection, question: Question) -> dict[str, Any]:
    if question["kind"] == UsageQuestion.Kind.USAGE:
        first, last = (
            ids.first_at(question["since"]),
            last_of_instant(ids.first_at(question["until"])),
        )
        rows = await _rows(connection, USAGE, question, first=first, last=last)
        return {"appStats": [_usage(*row) for row in rows]}
    rows = await _rows(connection, EVENT_TYPES, question)
    return {"event_types": [_event_types(*row) for row in rows]}


async def _rows(
    connection: Connection, query: str, question: Question, **values: UUID
) -> list[tuple[Any, ...]]:
    """Read all tenants of a question, a portion at a time."""
    rows: list[tuple[Any, ...]] = []
    after = UUID(int=0)
    wanted = {
        "organization": question["organization_id"],
        "tenants": question["tenant_ids"],
        **values,
    }
    while True:
        parameters = {**wanted, "after": after, "portion": PORTION}
        # Not prepared: a generic plan would have to open every day's partition.
        cursor = await connection.execute(query, parameters, prepare=False)
        portion = await cursor.fetchall()
        rows += portion
        if len(portion) < PORTION:
            return rows
        after = portion[-1][0]
        await connection.execute(PROLONG, {"id": question["id"], "taken": TAKEN})


def _usage(tenant: UUID, uid: str | None, attempts: int, messages: int) -> dict[str, Any]:
    return {
        "appId": ids.to_text(ids.TENANT, tenant),
        "appUid": uid,
        "messageDestinations": attempts,
        "messages": messages,
    }


def _event_types(tenant: UUID, uid: str | None, names: list[str], every: bool) -> dict[str, Any]:
    return {
        "appId": ids.to_text(ids.TENANT, tenant),
        "appUid": uid,
        "explicitlySubscribedEventTypes": names,
        "hasCatchAllEndpoint": every,
    }
