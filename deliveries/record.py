"""Write outcomes down in bulk: Attempt rows, what is due again, what is settled, dead letters.

Called by the delivery loop and the sweep. One statement for a batch, guarded by the fencing
token: an outcome whose lease was taken back changes nothing. Here, and only here, an attempt
moves a delivery from one status to another; docs/state_machine.md names the arrows.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from deliveries import attempt_reports, stalls
from deliveries.error_kinds import OURS
from deliveries.models import DeliveryStatus, Trigger
from deliveries.outcome import Outcome, Verdict
from deliveries.replay_progress import COUNT_ENDED
from deliveries.stalls import is_stall
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

# A delivery that stays open must not outlive its endpoint. `receiving` locks the endpoints of such
# deliveries: a transaction that disables or deletes one finishes first and is seen here, or waits
# and then finds the delivery in the queue.
#
# Deliveries are locked in the order of their ids, as everywhere, and endpoints before them. How
# each is found does not depend on what the planner thinks of the tables, which were empty when
# it looked: LATERAL with FOR UPDATE, and `= ANY (ARRAY[…])`, can only be a look-up by id for each
# outcome, never a pass over the table (docs/adr/0021); num_nulls keeps out partial indexes.
_RECORD = f"""
WITH o AS (
    SELECT * FROM unnest(
        %(delivery)s::uuid[], %(lease)s::uuid[], %(verdict)s::smallint[], %(delay)s::float8[],
        %(charged)s::boolean[], %(wait)s::smallint[], %(attempt)s::uuid[], %(status)s::smallint[],
        %(error)s::text[], %(duration)s::int[], %(url)s::text[], %(response)s::text[],
        %(reason)s::text[], %(letter)s::uuid[], %(organization)s::uuid[], %(event_type)s::text[],
        %(ours)s::boolean[], %(endpoint)s::uuid[])
    AS o(delivery, lease, verdict, delay, charged, wait, attempt, status, error, duration, url,
         response, reason, letter, organization, event_type, ours, endpoint)
),
receiving AS MATERIALIZED (
    SELECT id, deleted_at IS NOT NULL AS deleted, disabled_at IS NOT NULL AS disabled
    FROM endpoint
    WHERE id IN (SELECT endpoint FROM o WHERE verdict IN ({Verdict.RETRY}, {Verdict.RETURNED}))
    ORDER BY id FOR SHARE
),
held AS MATERIALIZED (
    SELECT d.*, o.verdict, o.charged AS spends, o.wait AS new_wait, o.attempt, o.status AS answered,
           o.error, o.duration, o.url, o.response, o.reason, o.letter, o.organization,
           o.event_type, o.ours,
           clock_timestamp() + o.delay * interval '1 second' AS due,
           (o.verdict = {Verdict.DEAD} OR o.verdict = {Verdict.RETRY} AND o.charged)
               AND (d.settled_as IS NOT NULL
                    OR d.trigger = {Trigger.MANUAL} AND d.scheduled_at IS NOT NULL) AS resumes,
           o.deleted, o.disabled
    FROM (SELECT o.*, coalesce(r.deleted, false) AS deleted, coalesce(r.disabled, false) AS disabled
          FROM o LEFT JOIN receiving r ON r.id = o.endpoint ORDER BY o.delivery) o
    CROSS JOIN LATERAL (
        SELECT * FROM open_delivery WHERE id = o.delivery AND lease_id = o.lease FOR UPDATE) d
),
judged AS MATERIALIZED (
    SELECT *, settles IS NULL OR manual_requested AS stays,
           CASE WHEN trigger = {Trigger.MANUAL} AND (job_id IS NULL OR scheduled_at IS NOT NULL)
                THEN scheduled_at
                WHEN verdict = {Verdict.RETURNED} THEN next_attempt_at
                ELSE due END AS automatic_at
    FROM (
        SELECT *, CASE
            WHEN verdict = {Verdict.DELIVERED} THEN {DeliveryStatus.DELIVERED}
            WHEN verdict = {Verdict.PARKED} THEN {DeliveryStatus.PARKED}
            WHEN verdict = {Verdict.CANCELLED} THEN {DeliveryStatus.CANCELLED}
            WHEN resumes AND scheduled_at IS NULL THEN settled_as
            WHEN verdict = {Verdict.DEAD} AND NOT resumes THEN {DeliveryStatus.DEAD}
            WHEN deleted THEN {DeliveryStatus.CANCELLED}
            WHEN disabled THEN {DeliveryStatus.PARKED}
            END AS settles
        FROM held) decided
),
next_step AS MATERIALIZED (
    SELECT *, CASE
        WHEN NOT stays THEN NULL
        WHEN manual_requested THEN %(at_once)s
        WHEN resumes THEN scheduled_at
        WHEN verdict = {Verdict.RETURNED} THEN next_attempt_at
        ELSE due END AS next_at
    FROM judged
),
again AS (
    UPDATE open_delivery d SET
        status = {DeliveryStatus.PENDING}, lease_id = NULL, next_attempt_at = n.next_at,
        wait = CASE WHEN n.verdict = {Verdict.RETURNED} THEN d.wait ELSE n.new_wait END,
        attempts = d.attempts - (n.attempt IS NULL)::int,
        last_status_code = coalesce(n.answered, d.last_status_code),
        last_error = CASE WHEN n.attempt IS NULL THEN d.last_error ELSE n.error END,
        charged = d.charged + (n.spends AND NOT n.resumes)::int,
        faults = CASE WHEN n.attempt IS NULL THEN d.faults WHEN n.ours THEN d.faults + 1 ELSE 0 END,
        lost = d.lost + (n.error IS NOT DISTINCT FROM 'worker_lost')::int,
        trigger = CASE WHEN n.manual_requested THEN {Trigger.MANUAL}
                       WHEN n.resumes AND n.job_id IS NULL THEN {Trigger.SCHEDULED}
                       ELSE d.trigger END,
        scheduled_at = CASE WHEN n.manual_requested AND n.settles IS NULL THEN n.automatic_at
                            WHEN n.resumes THEN NULL ELSE d.scheduled_at END,
        settled_as = CASE WHEN n.manual_requested AND n.settles IS NOT NULL THEN n.settles
                          ELSE d.settled_as END,
        replay_id = CASE WHEN n.resumes AND NOT n.manual_requested THEN NULL ELSE d.replay_id END,
        job_id = CASE WHEN n.settles IS NULL THEN d.job_id END,
        manual_requested = false
    FROM next_step n WHERE d.id = ANY (ARRAY[n.id]) AND n.stays
),
gone AS (
    DELETE FROM open_delivery d USING next_step n WHERE d.id = ANY (ARRAY[n.id]) AND NOT n.stays
),
settled AS (
    INSERT INTO settled_delivery (id, event_id, endpoint_id, tenant_id, status, attempts,
                                  last_status_code, last_error, settled_at)
    SELECT id, event_id, endpoint_id, tenant_id, settles, attempts - (attempt IS NULL)::int,
           coalesce(answered, last_status_code),
           CASE WHEN attempt IS NULL THEN last_error ELSE error END, clock_timestamp()
    FROM next_step WHERE NOT stays
),
attempts AS (
    INSERT INTO attempt (id, delivery_id, event_id, endpoint_id, tenant_id, number, trigger,
                         duration_ms, status_code, error_kind, url, response, next_attempt_at)
    SELECT attempt, id, event_id, endpoint_id, tenant_id, attempts, trigger, duration, answered,
           error, url, response, next_at
    FROM next_step WHERE attempt IS NOT NULL
),
letters AS (
    INSERT INTO dead_letter (id, delivery_id, event_id, endpoint_id, tenant_id, organization_id,
                             event_type, reason, attempts, last_attempt_id, last_status_code,
                             last_error, created_at)
    SELECT letter, id, event_id, endpoint_id, tenant_id, organization, event_type, reason,
           attempts, attempt, answered, error, clock_timestamp()
    FROM next_step WHERE settles = {DeliveryStatus.DEAD} AND NOT resumes
    ON CONFLICT (delivery_id) WHERE decision IS NULL DO NOTHING
),
decided AS (
    UPDATE dead_letter l
    SET decision = 'replayed', decided_at = clock_timestamp(), decided_by = r.created_by,
        note = nullif(r.note, ''), replay_id = r.id
    FROM next_step n JOIN replay r ON r.id = n.replay_id
    WHERE l.delivery_id = ANY (ARRAY[n.id]) AND num_nulls(l.decision) = 1
      AND n.verdict = {Verdict.DELIVERED}
),
ending AS (
    SELECT replay_id AS id, verdict = {Verdict.DELIVERED} AS delivered FROM next_step
    WHERE replay_id IS NOT NULL AND NOT manual_requested AND (settles IS NOT NULL OR resumes)
    UNION ALL
    SELECT job_id, verdict = {Verdict.DELIVERED} FROM next_step
    WHERE job_id IS NOT NULL AND settles IS NOT NULL
),
{COUNT_ENDED.strip()},
{stalls.RECOVERED.strip()}
"""
_WRITTEN = f"""
SELECT id, settles IS NOT DISTINCT FROM {DeliveryStatus.DEAD} AND NOT resumes FROM next_step
"""

RECORD = _RECORD + _WRITTEN
#: For a batch with something to tell to operational endpoints.
RECORD_AND_REPORT = f"{_RECORD.rstrip()},\n{attempt_reports.REPORTS.strip()}{_WRITTEN}"

PAUSE = """
INSERT INTO endpoint_health (endpoint_id, paused_until, consecutive_stalls)
SELECT endpoint_id, clock_timestamp() + max(seconds) * interval '1 second', 0
FROM unnest(%(endpoints)s::uuid[], %(seconds)s::float8[]) AS asked(endpoint_id, seconds)
GROUP BY endpoint_id ORDER BY endpoint_id
ON CONFLICT (endpoint_id) DO UPDATE
SET paused_until = greatest(endpoint_health.paused_until, EXCLUDED.paused_until)
"""

# The first exhaustion since the last success or enabling starts the clock; a later one that is
# old enough names the endpoint to be disabled.
EXHAUSTED = """
INSERT INTO endpoint_health AS h (endpoint_id, first_exhausted_at, consecutive_stalls)
SELECT endpoint_id, clock_timestamp(), 0
FROM unnest(%(endpoints)s::uuid[]) AS failed(endpoint_id) ORDER BY endpoint_id
ON CONFLICT (endpoint_id) DO UPDATE
SET first_exhausted_at = coalesce(h.first_exhausted_at, EXCLUDED.first_exhausted_at)
RETURNING endpoint_id,
          first_exhausted_at <= clock_timestamp() - %(seconds)s * interval '1 second'
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one batch changed."""

    #: Deliveries whose outcome was taken; the others' leases had been taken back.
    delivery_ids: frozenset[UUID]
    #: Endpoints that have been exhausting deliveries for too long.
    failing_endpoint_ids: frozenset[UUID]


async def record(
    connection: Connection, outcomes: Sequence[Outcome], *, disable_after: float
) -> Recorded:
    """Write a batch down in one transaction, committed on return.

    `disable_after` is in seconds. Raises psycopg.Error with nothing written.
    """
    if not any(o.pause is not None or o.reason == "exhausted" or is_stall(o) for o in outcomes):
        return Recorded(frozenset(await _write(connection, outcomes)), frozenset())
    async with connection.transaction():
        written = await _write(connection, outcomes)
        # A stale outcome, or a manual attempt beside the schedule, says nothing of the endpoint.
        taken = [o for o in outcomes if o.delivery.id in written]
        await stalls.count(connection, taken)
        await _pause(connection, taken)
        exhausted = {
            o.delivery.endpoint_id
            for o in taken
            if o.reason == "exhausted" and written[o.delivery.id]
        }
        failing = await _exhaust(connection, exhausted, disable_after) if exhausted else []
    return Recorded(frozenset(written), frozenset(failing))


async def _write(connection: Connection, outcomes: Sequence[Outcome]) -> dict[UUID, bool]:
    """Return the deliveries whose outcome was taken, and whether each was given up with it."""
    reports = attempt_reports.parameters(outcomes)
    statement = RECORD if reports is None else RECORD_AND_REPORT
    cursor = await connection.execute(statement, _columns(outcomes) | (reports or {}), binary=True)
    return dict(await cursor.fetchall())


async def _pause(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Leave endpoints alone for as long as they asked; of several wishes the longest counts."""
    asked = [(o.delivery.endpoint_id, o.pause) for o in outcomes if o.pause is not None]
    if asked:
        endpoints, seconds = zip(*asked, strict=True)
        parameters = {"endpoints": list(endpoints), "seconds": list(seconds)}
        await connection.execute(PAUSE, parameters)


async def _exhaust(
    connection: Connection, endpoint_ids: set[UUID], disable_after: float
) -> list[UUID]:
    parameters = {"endpoints": list(endpoint_ids), "seconds": disable_after}
    cursor = await connection.execute(EXHAUSTED, parameters)
    return [endpoint_id for endpoint_id, too_long in await cursor.fetchall() if too_long]


def _columns(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Turn outcomes into one array a column; delays count from the end of each attempt."""
    now = time.monotonic()
    requests = [o.request for o in outcomes]
    return {
        "at_once": ids.EPOCH,
        "delivery": [o.delivery.id for o in outcomes],
        "lease": [o.delivery.lease_id for o in outcomes],
        "endpoint": [o.delivery.endpoint_id for o in outcomes],
        "verdict": [int(o.verdict) for o in outcomes],
        "delay": [max(0.0, o.delay - (now - o.ended)) if o.delay else 0.0 for o in outcomes],
        "charged": [o.charged for o in outcomes],
        "wait": [int(o.wait) for o in outcomes],
        "reason": [o.reason for o in outcomes],
        "letter": [ids.new() if o.reason else None for o in outcomes],
        "organization": [o.organization_id for o in outcomes],
        "event_type": [o.event_type for o in outcomes],
        "attempt": [r and r.attempt_id for r in requests],
        "status": [r and r.status_code for r in requests],
        "error": [r and r.error_kind for r in requests],
        "duration": [r and r.duration_ms for r in requests],
        "url": [r and r.url for r in requests],
        "response": [r and r.response for r in requests],
        "ours": [r is not None and r.error_kind in OURS for r in requests],
    }
