"""What operational webhooks tell of attempts: part of the recording statement.

Most batches have nothing to tell, and are recorded by a statement that does not ask. Of the
others, the statement itself finds out whether anybody wants to hear of it, so that the event is
committed with the attempt that it tells of, or not at all.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson

from deliveries.models import DeliveryStatus, Trigger
from deliveries.operational import OPERATIONAL, STORE
from deliveries.outcome import Outcome, Verdict
from webhooks_platform.lib import ids

#: Failures of a delivery until its organization hears of it.
FAILURES = 4


class Report(StrEnum):
    """The event types of the wire."""

    FAILING = "message.attempt.failing"
    EXHAUSTED = "message.attempt.exhausted"
    RECOVERED = "message.attempt.recovered"


# Reads the rows of `next_step` in record.py, which know what became of each outcome. A success is
# a recovery if somebody has heard of a failure before: the delivery failed so often, or it has a
# dead letter that this success decides.
REPORTS = f"""
stored AS MATERIALIZED (
    SELECT t.report AS event_id, t.organization_id, o.id AS tenant, t.type AS event_type,
           NULL::varchar[] AS channels, NULL::timestamptz AS deliver_at,
           convert_to(json_build_object('type', t.type, 'data', t.data::jsonb || jsonb_build_object(
               'appUid', t.uid,
               'msgEventId', (SELECT e.uid FROM event e WHERE e.id = t.event_id)))::text, 'UTF8')
               AS payload
    FROM (
        SELECT r.*, n.event_id, x.uid, x.organization_id
        FROM unnest(%(reported)s::uuid[], %(report)s::uuid[], %(report_type)s::text[],
                    %(report_data)s::text[]) AS r(delivery, report, type, data)
        JOIN next_step n ON n.id = r.delivery
        CROSS JOIN LATERAL (SELECT uid, organization_id FROM tenant
                            WHERE id = n.tenant_id AND NOT is_operational OFFSET 0) x
        WHERE CASE r.type
            WHEN '{Report.EXHAUSTED}' THEN settles = {DeliveryStatus.DEAD} AND NOT resumes
            WHEN '{Report.FAILING}' THEN settles IS NULL AND NOT resumes
            ELSE n.charged >= {FAILURES} OR EXISTS (
                SELECT FROM dead_letter l WHERE l.delivery_id = n.id
                  AND (l.decision IS NULL OR l.replay_id = n.job_id)) END
    ) t
    {OPERATIONAL}
),
{STORE.strip()}
"""


def parameters(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """Return the values of REPORTS, or None if no outcome is worth a report."""
    worth = [(outcome, report) for outcome in outcomes if (report := _report(outcome))]
    if not worth:
        return None
    return {
        "reported": [outcome.delivery.id for outcome, _ in worth],
        "report": [ids.new() for _ in worth],
        "report_type": [report.value for _, report in worth],
        "report_data": [_data(outcome) for outcome, _ in worth],
    }


def _report(outcome: Outcome) -> Report | None:
    """Return what may be told of an outcome; what the row says decides."""
    delivery = outcome.delivery
    if outcome.verdict is Verdict.DEAD:
        return Report.EXHAUSTED
    if outcome.verdict is Verdict.DELIVERED:
        worth = delivery.charged >= FAILURES or delivery.trigger == Trigger.MANUAL
        return Report.RECOVERED if worth else None
    is_next = outcome.charged and delivery.charged + 1 == FAILURES
    return Report.FAILING if outcome.verdict is Verdict.RETRY and is_next else None


def _data(outcome: Outcome) -> str:
    """Return the part of `data` that this process knows, as JSON."""
    delivery, request = outcome.delivery, outcome.request
    last = request and {
        "id": ids.to_text(ids.ATTEMPT, request.attempt_id),
        "responseStatusCode": request.status_code,
        "timestamp": ids.timestamp(request.attempt_id),
    }
    data = {
        "appId": ids.to_text(ids.TENANT, delivery.tenant_id),
        "msgId": ids.to_text(ids.EVENT, delivery.event_id),
        "endpointId": ids.to_text(ids.ENDPOINT, delivery.endpoint_id),
        "lastAttempt": last,
    }
    return orjson.dumps(data, option=orjson.OPT_UTC_Z).decode()
