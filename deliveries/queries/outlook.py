"""What happens next to deliveries, and what they wait for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.utils import timezone

from deliveries.models import DeadLetter, Delivery, DeliveryStatus, Wait
from endpoints.models import EndpointHealth
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

    @classmethod
    def of(cls, rows: Sequence[Delivery]) -> Self:
        """Read what concerns these rows, in two queries."""
        letters = DeadLetter.objects.filter(
            delivery_id__in=[row.id for row in rows], decision__isnull=True
        )
        return cls(
            timezone.now(),
            EndpointHealth.objects.in_bulk([row.endpoint_id for row in rows]),
            dict(letters.values_list("delivery_id", "id")),
        )

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
            return None
        stalled = self.health[delivery.endpoint_id].consecutive_stalls > 0
        return "breaker" if stalled else "retry_after"

    def next_attempt(self, delivery: Delivery) -> datetime | None:
        """Return when the next attempt may be made; None if there is none to come."""
        due, paused = due_at(delivery, self.now), self.paused_until(delivery)
        return max(due, paused) if due and paused else due
