"""The statement that leases a fair batch of due deliveries; once more for where rates are limited.

Constants only; claim.py runs them.
"""

from deliveries.claim_rates import WITH, WITHOUT, Rates
from deliveries.models import DeliveryStatus
from deliveries.outcome import Closed

# What one claim may take of an endpoint and of its tenant.
_ROOMS = """
           coalesce((%(rooms)s::jsonb ->> e.id::text)::int, %(room)s::int) AS room,
           coalesce((%(tenant_rooms)s::jsonb ->> t.id::text)::int, %(tenant_room)s::int)
               AS tenant_room,
"""


def _offer(lane: str, rows: str) -> str:
    """Return SQL that locks the first due rows of a lane and counts them as its `turn`s."""
    return f"""
        SELECT locked.id, locked.next_attempt_at, row_number() OVER () AS turn
        FROM (SELECT id, next_attempt_at FROM open_delivery
              WHERE endpoint_id = {lane}.endpoint_id AND next_attempt_at <= {lane}.due_by
                AND lease_id IS NULL
              ORDER BY next_attempt_at LIMIT {rows}
              FOR UPDATE SKIP LOCKED) locked
    """


def _claim(rates: Rates) -> str:
    """Return the statement; its last row is the report, after nulls, if there is one.

    The last column of the others is how many lanes gave as much as they were first asked for.
    """
    return f"""
WITH RECURSIVE moment AS MATERIALIZED (SELECT clock_timestamp() AS now),
lane AS (
    (SELECT endpoint_id, next_attempt_at FROM open_delivery
     WHERE next_attempt_at <= (SELECT now FROM moment) AND lease_id IS NULL
     ORDER BY endpoint_id, next_attempt_at LIMIT 1)
    UNION ALL
    SELECT following.endpoint_id, following.next_attempt_at
    FROM lane, LATERAL (
        SELECT endpoint_id, next_attempt_at FROM open_delivery
        WHERE endpoint_id > lane.endpoint_id AND next_attempt_at <= (SELECT now FROM moment)
          AND lease_id IS NULL
        ORDER BY endpoint_id, next_attempt_at LIMIT 1) following
),
waiting AS MATERIALIZED (
    SELECT e.id AS endpoint_id, e.tenant_id, e.version, t.version AS tenant_version,
           lane.next_attempt_at AS first_due,
           CASE WHEN e.deleted_at IS NOT NULL OR t.deleted_at IS NOT NULL THEN {Closed.DELETED}
                WHEN e.disabled_at IS NOT NULL THEN {Closed.DISABLED}
                ELSE {Closed.NO} END AS closed,
           CASE WHEN h.paused_until > moment.now AND e.disabled_at IS NULL
                THEN %(at_once)s ELSE moment.now END AS due_by,
           {_ROOMS.strip()}
           {rates.limits}
    FROM lane CROSS JOIN moment
    JOIN endpoint e ON e.id = lane.endpoint_id
    JOIN tenant t ON t.id = e.tenant_id
    LEFT JOIN endpoint_health h ON h.endpoint_id = e.id
),
{rates.buckets}ready AS MATERIALIZED (
    SELECT * FROM ({rates.ready}) sending
    ORDER BY row_number() OVER (PARTITION BY tenant_id ORDER BY first_due), first_due
    LIMIT %(slots)s
),
share AS MATERIALIZED (
    SELECT tenant_id, least(ceil(%(slots)s::numeric / (count(*) * count(*) OVER ())),
                            ceil({rates.tenant_rows}::numeric / count(*)))::int AS lane_rows
    FROM ready GROUP BY tenant_id
),
first_round AS MATERIALIZED (
    SELECT ready.*, {rates.lane_rows}::int AS rows, due.*
    FROM ready JOIN share USING (tenant_id),
         LATERAL ({_offer("ready", rates.lane_rows)}) due
),
spare AS MATERIALIZED (
    SELECT least(free, ceil(2.0 * free / nullif(lanes, 0)))::int AS rows, full_lanes
    FROM (SELECT %(slots)s - count(*) AS free,
                 count(*) FILTER (WHERE turn = rows AND {rates.unlimited}) AS full_lanes,
                 count(*) FILTER (WHERE turn = rows AND rows < room AND {rates.unlimited}) AS lanes
          FROM first_round filled) left_over
),
candidate AS (
    SELECT * FROM first_round
    UNION ALL
    SELECT filled.endpoint_id, filled.tenant_id, filled.version, filled.tenant_version,
           filled.first_due, filled.closed, filled.due_by, filled.room, filled.tenant_room
           {rates.carried}, filled.rows, due.*
    FROM spare CROSS JOIN first_round filled,
         LATERAL ({_offer("filled", "least(filled.rows + spare.rows, filled.room)")}) due
    WHERE spare.rows > 0 AND filled.turn = filled.rows AND filled.rows < filled.room
      AND {rates.unlimited}
      AND due.id NOT IN (SELECT id FROM first_round)
),
picked AS MATERIALIZED (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY turn, next_attempt_at)
                  AS tenant_turn
        FROM candidate) ranked
    WHERE {rates.within}
    ORDER BY tenant_turn, next_attempt_at LIMIT %(slots)s
),
claimed AS (
    UPDATE open_delivery d
    SET status = {DeliveryStatus.SENDING}, lease_id = %(lease)s, attempts = d.attempts + 1
    FROM picked p WHERE d.id = ANY (ARRAY[p.id])
    RETURNING d.id, d.event_id, d.endpoint_id, d.tenant_id, d.attempts, d.charged, d.faults,
              d.lost, d.trigger, p.closed, p.version, p.tenant_version
),
leased AS (
    INSERT INTO lease (id, expires_at, delivery_ids)
    SELECT %(lease)s, clock_timestamp() + %(seconds)s * interval '1 second', array_agg(id)
    FROM claimed HAVING count(*) > 0
){rates.taken}
SELECT claimed.*, spare.full_lanes::float8 FROM claimed CROSS JOIN spare
UNION ALL
SELECT {", ".join(["NULL"] * 12)}, report.* FROM ({rates.report}) report
"""


# Lanes (endpoints with due deliveries that nobody has leased) are found by skipping through the
# index, one probe each, which itself passes by lanes that wait (docs/adr/0026). A row keeps its due
# time while it is leased, so a lane counts by the first one that is free. Of more lanes than slots
# only the first of each tenant in turn are offered something: what is offered is locked, and no
# other could be picked. The free slots are shared equally by the tenants that may send, and a
# tenant's by its lanes. What short lanes leave is offered, twice over, to those that filled their
# share. Then turns go round by endpoint inside a tenant and by tenant over all, so that a backlog
# of one is not in the way of another. A claim changes no indexed column, which keeps it a heap-only
# update. Its rows are looked up by id whatever the planner thinks of the table: see RECORD.
CLAIM = _claim(WITHOUT)
#: Obeys rates besides; CLAIM leaves lanes that have one out, and only reports them.
CLAIM_LIMITED = _claim(WITH)
