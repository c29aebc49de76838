"""Work out what background tasks ask: usage of tenants, and the event types they subscribe to.

Run beside a loop's claims, on a connection of its own. A task is taken for a while, which every
portion prolongs; of a process that was killed, another takes it then and begins anew.
"""

from typing import Any
from uuid import UUID

from psycopg.errors import QueryCanceled
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from deliveries.queries.paging import last_of_instant
from endpoints.background_tasks import BackgroundTask
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

#: Tenants of one statement, and seconds for which a task is taken; a statement takes 30 at most.
PORTION = 50
TAKEN = 90.0

TAKE = """
UPDATE background_task SET taken_until = clock_timestamp() + %(taken)s * interval '1 second'
WHERE id = (SELECT id FROM background_task WHERE state = 'running'
              AND taken_until <= clock_timestamp()
            ORDER BY taken_until LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, organization_id, kind, tenant_ids, since, until
"""
PROLONG = """
UPDATE background_task SET taken_until = clock_timestamp() + %(taken)s * interval '1 second'
WHERE id = %(id)s AND state = 'running'
"""
FINISH = """
UPDATE background_task SET state = %(state)s, answer = %(answer)s, updated_at = clock_timestamp()
WHERE id = %(id)s AND state = 'running'
"""
_TENANTS = """
    SELECT id, uid FROM tenant
    WHERE organization_id = %(organization)s AND deleted_at IS NULL AND id > %(after)s
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

Task = dict[str, Any]


async def work(connection: Connection) -> bool:
    """Work out one task; whether there was one."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(TAKE, {"taken": TAKEN})
        task = await cursor.fetchone()
    if task is None:
        return False
    try:
        answer, state = await _answer(connection, task), BackgroundTask.State.FINISHED
    except QueryCanceled:
        answer, state = {"error": "This takes too long; ask for less."}, BackgroundTask.State.FAILED
    values = {"id": task["id"], "state": state.value, "answer": Jsonb(answer)}
    await connection.execute(FINISH, values)
    return True


async def _answer(connection: Connection, task: Task) -> dict[str, Any]:
    if task["kind"] == BackgroundTask.Kind.USAGE:
        first, last = ids.first_at(task["since"]), last_of_instant(ids.first_at(task["until"]))
        rows = await _rows(connection, USAGE, task, first=first, last=last)
        return {"appStats": [_usage(*row) for row in rows]}
    rows = await _rows(connection, EVENT_TYPES, task)
    return {"event_types": [_event_types(*row) for row in rows]}


async def _rows(
    connection: Connection, query: str, task: Task, **values: UUID
) -> list[tuple[Any, ...]]:
    """Read all tenants of a task, a portion at a time."""
    rows: list[tuple[Any, ...]] = []
    after = UUID(int=0)
    wanted = {"organization": task["organization_id"], "tenants": task["tenant_ids"], **values}
    while True:
        parameters = {**wanted, "after": after, "portion": PORTION}
        # Not prepared: a generic plan would have to open every day's partition.
        cursor = await connection.execute(query, parameters, prepare=False)
        portion = await cursor.fetchall()
        rows += portion
        if len(portion) < PORTION:
            return rows
        after = portion[-1][0]
        await connection.execute(PROLONG, {"id": task["id"], "taken": TAKEN})


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
