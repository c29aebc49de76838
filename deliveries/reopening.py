"""Put deliveries back into the queue for a replay job, and decide their letters: one statement.

Run by the delivery loops (take_up.py) and, for one letter, by whoever decides it
(replay/letters.py). Nothing is copied: the same delivery has the same id, event and attempts.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from deliveries.models import DeadLetter, DeliveryStatus, Trigger, Wait
from endpoints.breaker import OPENS_AT
from webhooks_platform.lib import ids

# A replayed delivery has its schedule anew and is due now, behind what has been due for longer.
# Only an open breaker is passed by; a receiver that asked to be left alone by Retry-After is.
REOPENED = f"""
    %(job)s::uuid AS job_id, {DeliveryStatus.PENDING} AS status, {Trigger.MANUAL} AS trigger,
    {Wait.SCHEDULE} AS wait, 0 AS charged, 0 AS faults, 0 AS lost, false AS manual_requested,
    (SELECT CASE WHEN count(*) > 0 THEN %(at_once)s ELSE clock_timestamp() END
     FROM endpoint_health h WHERE h.endpoint_id = %(endpoint)s
       AND h.paused_until > clock_timestamp() AND h.consecutive_stalls >= {OPENS_AT})
        AS next_attempt_at
"""
# Open deliveries are locked in the order of their ids, as everywhere. Rows are looked up one by
# one, whatever the planner thinks of the tables: see RECORD in record.py.
REOPEN = f"""
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(%(deliveries)s::uuid[], %(events)s::uuid[]) AS w(id, event_id)
),
settled AS (
    DELETE FROM settled_delivery
    WHERE id = ANY (%(deliveries)s) AND id >= %(lowest_id)s AND id <= %(highest_id)s
    RETURNING id, event_id, endpoint_id, tenant_id, attempts, last_status_code, last_error
),
waiting AS MATERIALIZED (
    SELECT o.id FROM (SELECT id FROM wanted ORDER BY id) w CROSS JOIN LATERAL (
        SELECT id FROM open_delivery WHERE id = w.id AND job_id IS NULL FOR UPDATE) o
),
adopted AS (
    UPDATE open_delivery o
    SET job_id = %(job)s, settled_as = NULL,
        next_attempt_at = CASE WHEN o.lease_id IS NULL
                               THEN least(o.next_attempt_at, clock_timestamp())
                               ELSE o.next_attempt_at END,
        trigger = CASE WHEN o.lease_id IS NULL THEN {Trigger.MANUAL} ELSE o.trigger END,
        charged = CASE WHEN o.lease_id IS NULL THEN 0 ELSE o.charged END, wait = {Wait.SCHEDULE}
    FROM waiting w WHERE o.id = ANY (ARRAY[w.id])
    RETURNING o.id
),
opened AS (
    INSERT INTO open_delivery (id, event_id, endpoint_id, tenant_id, attempts, last_status_code,
        last_error, job_id, status, trigger, wait, charged, faults, lost, manual_requested,
        next_attempt_at)
    SELECT s.*, {REOPENED} FROM settled s
    UNION ALL
    SELECT w.id, w.event_id, %(endpoint)s, %(tenant)s, 0, NULL, NULL, {REOPENED}
    FROM wanted w
    WHERE %(makes_new)s AND NOT EXISTS (SELECT FROM settled s WHERE s.id = w.id)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
),
taken AS MATERIALIZED (SELECT id FROM opened UNION ALL SELECT id FROM adopted),
decided AS (
    UPDATE dead_letter l
    SET decision = '{DeadLetter.Decision.REPLAYED}', decided_at = clock_timestamp(),
        decided_by = %(by)s, note = nullif(%(note)s, ''), replay_id = %(job)s
    FROM taken WHERE l.delivery_id = ANY (ARRAY[taken.id]) AND num_nulls(l.decision) = 1
)
SELECT count(*) FROM taken
"""


def reopening(
    *,
    job: UUID,
    tenant: UUID,
    endpoint: UUID,
    deliveries: Sequence[UUID],
    events: Sequence[UUID],
    decided_by: str,
    note: str,
    makes_new: bool = False,
) -> dict[str, Any]:
    """Return the values of REOPEN, for deliveries of one endpoint; there must be one.

    With `makes_new` those that do not exist are made.
    """
    return {
        "job": job,
        "tenant": tenant,
        "endpoint": endpoint,
        "deliveries": list(deliveries),
        "events": list(events),
        # Bounds leave the partitions of other days alone.
        "lowest_id": min(deliveries),
        "highest_id": max(deliveries),
        "makes_new": makes_new,
        "by": decided_by,
        "note": note,
        "at_once": ids.EPOCH,
    }
