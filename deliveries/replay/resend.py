"""Make one manual attempt now, wherever the delivery is: waiting, being sent, or settled."""

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from deliveries import wake
from deliveries.models import (
    DeliveryStatus,
    Event,
    OpenDelivery,
    Replay,
    Trigger,
    Wait,
)
from deliveries.queries.deliveries import delivery_id
from deliveries.replay.refusals import check_receives, lock_payload
from endpoints.audit import Actor, record
from endpoints.models import Endpoint
from webhooks_platform.lib import ids

#: Due before everything else of its endpoint, also while a breaker or Retry-After holds that back.
AT_ONCE = ids.EPOCH

KEPT = "id, event_id, endpoint_id, tenant_id, attempts, last_status_code, last_error"
MANUAL_ROW = (
    "status, next_attempt_at, trigger, replay_id, wait, charged, faults, lost, manual_requested"
)
MANUAL_VALUES = (
    f"{DeliveryStatus.PENDING}, %(at_once)s, {Trigger.MANUAL}, %(replay)s, {Wait.SCHEDULE}, "
    "0, 0, 0, false"
)
REOPEN = f"""
WITH settled AS (DELETE FROM settled_delivery WHERE id = %(delivery)s RETURNING *)
INSERT INTO open_delivery ({KEPT}, settled_as, {MANUAL_ROW})
SELECT {KEPT}, status, {MANUAL_VALUES} FROM settled
"""
OPEN_FIRST = f"""
INSERT INTO open_delivery ({KEPT}, settled_as, {MANUAL_ROW})
VALUES (%(delivery)s, %(event)s, %(endpoint)s, %(tenant)s, 0, NULL, NULL,
        {DeliveryStatus.CANCELLED}, {MANUAL_VALUES})
ON CONFLICT (id) DO NOTHING
"""


@transaction.atomic
def resend(event: Event, endpoint: Endpoint, *, actor: Actor, note: str = "") -> Replay:
    """Make a manual attempt to deliver an event to an endpoint of the same tenant, due now.

    The endpoint's filters do not count. A pending automatic retry goes on if the manual attempt
    fails; a delivery that was settled is settled again as it was. One that never existed, since
    the filters had excluded it, ends CANCELLED if it fails: nobody is owed it, so there is no
    retry and no dead letter. A manual attempt that still waits is not doubled, and one under way
    is followed by another: both decisions are one Replay, which ends with the last attempt.
    Raises PayloadGoneError or EndpointDisabledError, with nothing changed.
    """
    check_receives(endpoint)
    lock_payload(event.id)
    decision = _decision(event, endpoint, actor, note)
    counted_by = _make_due(event, endpoint, decision.id)
    if counted_by == decision.id:
        decision.save(force_insert=True)
    _audit(event, endpoint, actor, counted_by, note)
    wake.hint_after_commit()
    return Replay.objects.get(id=counted_by)


def _decision(event: Event, endpoint: Endpoint, actor: Actor, note: str) -> Replay:
    return Replay(
        organization_id=event.organization_id,
        tenant_id=event.tenant_id,
        source=Replay.Source.RESEND,
        filters={
            "eventId": ids.to_text(ids.EVENT, event.id),
            "endpointIds": [ids.to_text(ids.ENDPOINT, endpoint.id)],
        },
        note=note,
        created_by=actor.name,
        total=1,
        queued=1,
    )


def _make_due(event: Event, endpoint: Endpoint, replay: UUID) -> UUID:
    """Bring the delivery into the queue, wherever it is; return the Replay that counts it."""
    delivery = delivery_id(event.id, endpoint.id)
    facts = {
        "delivery": delivery,
        "event": event.id,
        "endpoint": endpoint.id,
        "tenant": event.tenant_id,
        "replay": replay,
        "at_once": AT_ONCE,
    }
    # All three find nothing only if the delivery moved meanwhile, as it does when it settles.
    while True:
        if counted_by := _hasten(delivery, replay):
            return counted_by
        if _changed(REOPEN, facts) or _changed(OPEN_FIRST, facts):
            return replay


def _changed(statement: str, facts: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, facts)
        return bool(cursor.rowcount > 0)


def _hasten(delivery: UUID, replay: UUID) -> UUID | None:
    """Make an open delivery due; the lock on its row keeps out the claim and the record."""
    row = OpenDelivery.objects.select_for_update().filter(id=delivery).first()
    if row is None:
        return None
    sending = row.status == DeliveryStatus.SENDING
    manual = row.trigger == Trigger.MANUAL or row.manual_requested
    if manual and row.replay_id:
        replay = row.replay_id
        if not sending or row.manual_requested:
            return replay
    if row.job_id and not sending and row.next_attempt_at <= timezone.now():
        # A replay job is about to make the attempt.
        return row.job_id
    row.replay_id = replay
    _request_manual(row, sending=sending)
    return replay


def _request_manual(row: OpenDelivery, *, sending: bool) -> None:
    if sending:
        row.manual_requested = True
    else:
        if row.trigger == Trigger.SCHEDULED or row.job_id:
            row.scheduled_at = row.next_attempt_at
        row.trigger, row.wait, row.next_attempt_at = Trigger.MANUAL, Wait.SCHEDULE, AT_ONCE
    row.save(
        update_fields=[
            "manual_requested", "scheduled_at", "trigger", "wait", "next_attempt_at", "replay_id"
        ]
    )  # fmt: skip


def _audit(event: Event, endpoint: Endpoint, actor: Actor, replay: UUID, note: str) -> None:
    record(
        actor,
        "delivery.resent",
        organization_id=event.organization_id,
        tenant_id=event.tenant_id,
        target=ids.to_text(ids.EVENT, event.id),
        detail={
            "endpoint": ids.to_text(ids.ENDPOINT, endpoint.id),
            "replay": ids.to_text(ids.REPLAY, replay),
            **({"note": note} if note else {}),
        },
    )
