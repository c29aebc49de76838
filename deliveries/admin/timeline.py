"""A delivery's life on one line of time: published, attempted, waited, decided, and by whom."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from deliveries.admin.showing import folded, link, moment
from deliveries.models import (
    Attempt,
    DeadLetter,
    Delivery,
    DeliveryStatus,
    Replay,
    ReplayLane,
    Trigger,
)
from deliveries.queries import attempts
from deliveries.queries.outlook import Outlook
from endpoints.models import AuditEntry
from webhooks_platform.lib import ids

#: Why the next attempt waits, for people.
WAITS = {
    "schedule": "by the retry schedule",
    "retry_after": "because the receiver asked for it (Retry-After)",
    "deliver_at": "because the event is to be delivered then",
    "breaker": "because the endpoint has been hanging",
    "rate_limit": "because of the endpoint's rate limit",
    "in_flight_cap": "because enough is under way there",
}
#: Actions of the audit log that a delivery's life has to do with.
ACTS = {
    "delivery.resent": "resend asked for",
    "endpoint.tested": "sent as a test",
    "event.cancelled": "cancelling asked for",
    "event.payload_expunged": "payload expunged",
    "endpoint.disabled": "endpoint disabled",
    "endpoint.enabled": "endpoint enabled",
}
ACTS_SHOWN = 50
END = {
    DeliveryStatus.DELIVERED: ("good", "delivered"),
    DeliveryStatus.PARKED: ("quiet", "parked, because the endpoint is disabled"),
    DeliveryStatus.CANCELLED: ("quiet", "cancelled"),
}


@dataclass(order=True)
class Moment:
    """One thing that happened, or will."""

    when: datetime
    text: SafeString | str = field(compare=False)
    #: good, bad or quiet.
    kind: str = field(default="quiet", compare=False)


def timeline(row: Delivery) -> SafeString:
    """Return the whole life of a delivery, oldest first."""
    past = [
        Moment(ids.timestamp(row.event_id), "published"),
        *map(_attempt, attempts.of_delivery(row.id, row.event_id)),
        *_decisions(row),
        *_acts(row),
        *_replays(row),
    ]
    items = [*sorted(past), *_now(row)]
    return format_html(
        '<ul class="timeline">{}</ul>',
        format_html_join(
            "",
            '<li class="{}"><span class="when">{}</span>{}</li>',
            ((item.kind, moment(item.when), item.text) for item in items),
        ),
    )


def _attempt(made: Attempt) -> Moment:
    result = made.error_kind or "delivered"
    took = "" if made.duration_ms is None else f" in {made.duration_ms} ms"
    next_at = f"; next attempt due {moment(made.next_attempt_at)}" if _is_ahead(made) else ""
    text = format_html(
        "attempt {} ({}): {} {}{}{} {}",
        link(Attempt, made.id, str(made.number)),
        str(Trigger(made.trigger).label).lower(),
        made.status_code or "no answer",
        result,
        took,
        next_at,
        folded("answer", made.response) if made.response else "",
    )
    return Moment(ids.timestamp(made.id), text, "bad" if made.error_kind else "good")


def _is_ahead(made: Attempt) -> bool:
    return made.next_attempt_at is not None and made.next_attempt_at != ids.EPOCH


def _decisions(row: Delivery) -> list[Moment]:
    """Return when it was given up, and what somebody decided about that."""
    found = []
    for letter in DeadLetter.objects.filter(delivery_id=row.id):
        named = link(DeadLetter, letter.id, "dead letter")
        text = format_html("given up: {} ({})", named, letter.get_reason_display())
        found.append(Moment(letter.created_at, text, "bad"))
        if letter.decided_at is not None:
            found.append(Moment(letter.decided_at, _decision(letter)))
    return found


def _decision(letter: DeadLetter) -> SafeString:
    job = link(Replay, letter.replay_id, "replay") if letter.replay_id else ""
    why = f": {letter.note}" if letter.note else ""
    return format_html("{} by {}{} {}", letter.decision or "", letter.decided_by or "", why, job)


def _acts(row: Delivery) -> list[Moment]:
    """Return what people did meanwhile: resends, a test, and closing or opening the endpoint."""
    event = ids.to_text(ids.EVENT, row.event_id)
    endpoint = ids.to_text(ids.ENDPOINT, row.endpoint_id)
    entries = AuditEntry.objects.filter(
        Q(action="delivery.resent", target=event, detail__endpoint=endpoint)
        | Q(action__in=("event.cancelled", "event.payload_expunged"), target=event)
        | Q(action="endpoint.tested", target=endpoint, detail__event=event)
        | Q(action__in=("endpoint.disabled", "endpoint.enabled"), target=endpoint),
        tenant_id=row.tenant_id,
        id__gte=ids.first_at(ids.timestamp(row.event_id)),
        at__lte=_end(row),
    ).order_by("id")[:ACTS_SHOWN]
    found = list(entries)
    if any(entry.action == "endpoint.tested" for entry in found):
        # A test is sent by a resend of its own; that one is not told of twice.
        found.remove(next(entry for entry in found if entry.action == "delivery.resent"))
    return [Moment(entry.at, _act(entry)) for entry in found]


def _act(entry: AuditEntry) -> str:
    why = entry.detail.get("note") or entry.detail.get("reason")
    return f"{ACTS[entry.action]} by {entry.actor}" + (f": {why}" if why else "")


def _replays(row: Delivery) -> list[Moment]:
    """Return the replays of the endpoint that came over more than dead letters meanwhile."""
    of_endpoint = ReplayLane.objects.filter(endpoint_id=row.endpoint_id).values("replay_id")
    jobs = Replay.objects.filter(
        tenant_id=row.tenant_id,
        id__in=of_endpoint,
        id__gte=ids.first_at(ids.timestamp(row.event_id)),
        created_at__lte=_end(row),
    ).exclude(source=Replay.Source.DEAD_LETTER)[:ACTS_SHOWN]
    return [Moment(job.created_at, _replay(job)) for job in jobs]


def _replay(job: Replay) -> SafeString:
    why = f": {job.note}" if job.note else ""
    named = link(Replay, job.id, "replay")
    return format_html("{} of the endpoint started by {}{}", named, job.created_by, why)


def _end(row: Delivery) -> datetime:
    """Return until when something can have had to do with the delivery; its settling is part."""
    return (row.settled_at or timezone.now()) + timedelta(seconds=1)


def _now(row: Delivery) -> list[Moment]:
    """Return how it ended, or what it waits for."""
    if row.status == DeliveryStatus.DEAD:
        # Its dead letter has been told of.
        return []
    if row.settled_at is not None:
        kind, text = END[DeliveryStatus(row.status)]
        return [Moment(row.settled_at, text, kind)]
    outlook: Any = Outlook.of([row])
    due = outlook.next_attempt(row) or outlook.now
    if row.status == DeliveryStatus.SENDING:
        return [Moment(outlook.now, "being sent now")]
    why = WAITS.get(outlook.waiting_for(row) or "", "as soon as a worker is free")
    return [Moment(due, f"next attempt, {why}")]
