"""The parts of the claim by which it obeys rates and half-open breakers, or only reports them.

Constants only; claim_statement.py puts them together.
"""

from dataclasses import dataclass

from endpoints.breaker import OPENS_AT
from endpoints.throttling import GRAIN, SLACK

# Seconds that the token bucket of `wanted` takes to fill to its brim, and to give the next grain.
_BRIM = f"(1.0 / wanted.rate + {SLACK}) * interval '1 second'"
_GRAIN = f"greatest(1, floor(wanted.rate * {GRAIN})) / wanted.rate * interval '1 second'"

_OPEN = "e.deleted_at IS NULL AND e.disabled_at IS NULL AND t.deleted_at IS NULL"
_LANE = (
    "endpoint_id, tenant_id, version, tenant_version, first_due, closed, due_by, room, tenant_room"
)
# The breaker is open and its pause is over: one attempt may try.
_HALF_OPEN = f"""
           coalesce(h.consecutive_stalls >= {OPENS_AT} AND h.paused_until <= moment.now
                    AND {_OPEN}, false)
"""


@dataclass(frozen=True)
class Rates:
    """The parts of the statement that rates are obeyed by."""

    #: Columns of a lane: what limits it.
    limits: str
    #: Common table expressions: the buckets.
    buckets: str
    #: Query for the lanes that may send.
    ready: str
    #: Columns of `ready` besides _LANE.
    carried: str
    #: Rows at most: of a tenant, by what it may send; of a lane of `ready` and `share`.
    tenant_rows: str
    lane_rows: str
    #: Conditions: on lanes that may have more to give, and on rows that are picked.
    unlimited: str
    within: str
    #: Common table expression: what is taken from the buckets.
    taken: str
    #: Query for the last row, if there are due lanes with a rate.
    report: str


# The planner would take a plain test to leave few lanes, and join thousands of them with hundreds
# of tenants in a loop; of CASE it thinks that half remain.
WITHOUT = Rates(
    limits=f"num_nonnulls(e.throttle_rate, t.throttle_rate) > 0 AND {_OPEN}"
    f" OR {_HALF_OPEN.strip()} AS limited",
    buckets="",
    ready=f"""
        SELECT {_LANE} FROM waiting
        WHERE CASE WHEN NOT limited AND least(room, tenant_room) > 0 THEN first_due <= due_by END
    """,
    carried="",
    tenant_rows="min(tenant_room)",
    lane_rows="least(share.lane_rows, room)",
    unlimited="true",
    within="tenant_turn <= tenant_room",
    taken="",
    report="""
        SELECT NULL::float8 FROM waiting
        WHERE limited AND least(room, tenant_room) > 0 AND first_due <= due_by LIMIT 1
    """,
)

# Only lanes with a rate of their own or their tenant's come to `wanted` and what follows it
# (docs/adr/0022). A bucket is locked if it has a grain of tokens and no other claim holds it, and
# its row is then the latest, however old the snapshot is. Lanes whose bucket gives nothing are left
# out, as paused ones are, and others are offered what they leave; what is picked is taken from the
# buckets. A tenant's tokens go to lanes drawn by lot: the oldest backlog would have them all. A
# bucket that was empty in the future is of a clock that went wrong, and begins anew.
_BUCKETS = f"""
wanted AS MATERIALIZED (
    SELECT asked.key, asked.rate, known.empty_at
    FROM (SELECT endpoint_id AS key, rate FROM waiting
          WHERE rate IS NOT NULL AND room > 0 AND first_due <= due_by
          UNION
          SELECT tenant_id, tenant_rate FROM waiting
          WHERE tenant_rate IS NOT NULL AND least(room, tenant_room) > 0
            AND first_due <= due_by) asked
    LEFT JOIN LATERAL (SELECT empty_at FROM throttle WHERE key = asked.key LIMIT 1) known ON true
),
unknown AS (
    INSERT INTO throttle (key, empty_at)
    SELECT wanted.key, moment.now - {_BRIM} FROM wanted CROSS JOIN moment
    WHERE wanted.empty_at IS NULL ORDER BY wanted.key
    ON CONFLICT (key) DO NOTHING
),
bucket AS MATERIALIZED (
    SELECT wanted.key, wanted.rate,
           greatest(least(own.empty_at, moment.now), moment.now - {_BRIM}) AS empty_at,
           greatest(1, floor(least(1 + {SLACK} * wanted.rate, wanted.rate
                                   * extract(epoch FROM moment.now - own.empty_at))))::bigint
               AS tokens
    FROM wanted CROSS JOIN moment CROSS JOIN LATERAL (
        SELECT empty_at FROM throttle
        WHERE key = wanted.key
          AND (empty_at <= moment.now - {_GRAIN} OR empty_at > moment.now + interval '1 minute')
        FOR UPDATE SKIP LOCKED) own
),
"""
_MAY_TRY = "(NOT half_open OR endpoint_id IN (SELECT endpoint_id FROM probe))"
# A row of endpoint_health that another claim holds, or has moved, has its probe already.
_PROBES = """
probe AS MATERIALIZED (
    SELECT own.endpoint_id FROM waiting CROSS JOIN moment CROSS JOIN LATERAL (
        SELECT endpoint_id FROM endpoint_health
        WHERE endpoint_id = waiting.endpoint_id AND paused_until <= moment.now
        FOR UPDATE SKIP LOCKED) own
    WHERE half_open AND least(room, tenant_room) > 0 AND first_due <= due_by
),
"""
_READY = f"""
SELECT {_LANE}, half_open, rate, tenant_rate,
       NULL::bigint AS most, NULL::bigint AS tenant_most FROM waiting
WHERE CASE WHEN num_nonnulls(rate, tenant_rate) = 0 AND least(room, tenant_room) > 0
           THEN first_due <= due_by AND {_MAY_TRY} END
UNION ALL
SELECT (waiting).*, least(own, whole), whole
FROM (SELECT waiting, own.tokens AS own, whole.tokens AS whole,
             row_number() OVER (PARTITION BY tenant_id ORDER BY random()) AS lot
      FROM waiting
      LEFT JOIN bucket own ON own.key = waiting.endpoint_id
      LEFT JOIN bucket whole ON whole.key = waiting.tenant_id
      WHERE CASE WHEN num_nonnulls(waiting.rate, tenant_rate) > 0
                      AND least(room, tenant_room) > 0
                 THEN first_due <= due_by AND {_MAY_TRY} END
        AND num_nulls(waiting.rate, own.tokens) <> 1
        AND num_nulls(tenant_rate, whole.tokens) <> 1) throttled
WHERE lot <= coalesce(whole, lot)
"""
_TAKEN = """,
taken AS (
    UPDATE throttle
    SET empty_at = bucket.empty_at + used.tokens::float8 / bucket.rate * interval '1 second'
    FROM (SELECT endpoint_id AS key, count(*) AS tokens FROM picked
          WHERE rate IS NOT NULL GROUP BY endpoint_id
          UNION ALL
          SELECT tenant_id, count(*) FROM picked
          WHERE tenant_rate IS NOT NULL GROUP BY tenant_id) used
    JOIN bucket USING (key)
    WHERE throttle.key = ANY (ARRAY[used.key])
),
probing AS (
    UPDATE endpoint_health h
    SET paused_until = clock_timestamp() + %(probe)s * interval '1 second', probe_id = picked.id
    FROM picked WHERE h.endpoint_id = ANY (ARRAY[picked.endpoint_id]) AND picked.half_open
)
"""
# Null seconds where all that wanted tokens had some.
_TOKENS_BACK = f"""
SELECT extract(epoch FROM min(coalesce(wanted.empty_at + {_GRAIN}, moment.now) - moment.now)
               FILTER (WHERE wanted.key NOT IN (SELECT key FROM bucket)))::float8
FROM wanted CROSS JOIN moment HAVING count(*) > 0
"""


WITH = Rates(
    limits=f"{_HALF_OPEN.strip()} AS half_open,"
    f" CASE WHEN {_OPEN} THEN e.throttle_rate END AS rate,"
    f" CASE WHEN {_OPEN} THEN t.throttle_rate END AS tenant_rate",
    buckets=_BUCKETS + _PROBES,
    ready=_READY,
    carried=", filled.half_open, filled.rate, filled.tenant_rate, filled.most, filled.tenant_most",
    tenant_rows="least(min(tenant_most), min(tenant_room))",
    lane_rows="least(share.lane_rows, most, room, CASE WHEN half_open THEN 1 END)",
    unlimited="filled.most IS NULL AND NOT filled.half_open",
    within="tenant_turn <= least(tenant_most, tenant_room)",
    taken=_TAKEN,
    report=_TOKENS_BACK,
)
