"""What happens next to deliveries, and what they wait for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.utils import timezone

from deliveries.models import DeadLetter, Delivery, DeliveryStatus, Wait
from endpoints.breaker import OPENS_AT
from endpoints.models import Endpoint, EndpointHealth, Throttle
from endpoints.throttling import free_at
from webhooks_platform.lib import ids

WAITING_FOR = {
    Wait.SCHEDULE: "schedule",
    Wait.RETRY_AFTER: "retry_after",
    Wait.DELIVER_AT: "deliver_at",
    # A fault of ours is retried within seconds; to the tenant that is a schedule.
    Wait.PLATFORM: "schedule",
}


def due_at(delivery: Delivery, now: datetime) -> datetime | None:
    """Return when the next attempt is due, or was if it is under way; None if there is none."""
    if delivery.next_attempt_at is None:
        return None
    # What is to be sent at once, whatever else waits, is due at the epoch.
    return now if delivery.next_attempt_at == ids.EPOCH else delivery.next_attempt_at


@dataclass(frozen=True)
class Outlook:
    """What decides about a page of deliveries besides their own rows."""

    now: datetime
    health: dict[UUID, EndpointHealth]
    letters: dict[UUID, UUID]
    #: When the rate of an endpoint, or of its tenant, lets the next delivery through.
    free_at: dict[UUID, datetime]

    @classmethod
    def of(cls, rows: Sequence[Delivery]) -> Self:
        """Read what concerns these rows, in three queries, and a fourth where rates are obeyed."""
        letters = DeadLetter.objects.filter(
            delivery_id__in=[row.id for row in rows], decision__isnull=True
        )
        return cls(
            timezone.now(),
            EndpointHealth.objects.in_bulk([row.endpoint_id for row in rows]),
            dict(letters.values_list("delivery_id", "id")),
            _free_at(rows),
        )

    def throttled_until(self, delivery: Delivery) -> datetime | None:
        """Return when a due delivery's turn may come, where its rate has been used up."""
        until = self.free_at.get(delivery.endpoint_id)
        due = delivery.next_attempt_at is not None and delivery.next_attempt_at <= self.now
        pending = delivery.status == DeliveryStatus.PENDING
        return until if until and until > self.now and pending and due else None

    def paused_until(self, delivery: Delivery) -> datetime | None:
        """Return until when the endpoint is left alone; a manual attempt is made all the same."""
        health = self.health.get(delivery.endpoint_id)
        until = health.paused_until if health else None
        manual = delivery.next_attempt_at == ids.EPOCH
        pending = delivery.status == DeliveryStatus.PENDING
        return until if until and until > self.now and pending and not manual else None

    def waiting_for(self, delivery: Delivery) -> str | None:
        """Return what holds a delivery back; None if nothing does."""
        if delivery.status == DeliveryStatus.PARKED:
            return "endpoint_disabled"
        if delivery.status != DeliveryStatus.PENDING or delivery.next_attempt_at is None:
            return None
        if delivery.next_attempt_at > self.now:
            return WAITING_FOR[Wait(delivery.wait or 0)]
        if self.paused_until(delivery) is None:
            return "rate_limit" if self.throttled_until(delivery) else None
        stalled = self.health[delivery.endpoint_id].consecutive_stalls >= OPENS_AT
        return "breaker" if stalled else "retry_after"

    def next_attempt(self, delivery: Delivery) -> datetime | None:
        """Return when the next attempt may be made; None if there is none to come."""
        due = due_at(delivery, self.now)
        held = (due, self.paused_until(delivery), self.throttled_until(delivery))
        return max(until for until in held if until) if due else None


def _free_at(rows: Sequence[Delivery]) -> dict[UUID, datetime]:
    keys = {row.endpoint_id for row in rows} | {row.tenant_id for row in rows}
    buckets = Throttle.objects.in_bulk(list(keys))
    if not buckets:
        return {}
    rates = Endpoint.objects.filter(id__in=[row.endpoint_id for row in rows]).values_list(
        "id", "throttle_rate", "tenant_id", "tenant__throttle_rate"
    )
    known = {
        endpoint: (free_at(buckets, endpoint, rate), free_at(buckets, tenant, whole))
        for endpoint, rate, tenant, whole in rates
    }
    return {endpoint: max(filter(None, both)) for endpoint, both in known.items() if any(both)}
