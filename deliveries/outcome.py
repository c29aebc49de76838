"""What passes between the steps of the delivery path: a leased delivery, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from deliveries.models import Wait


class Closed(IntEnum):
    """Whether the endpoint still receives."""

    NO = 0
    #: Disabled: its deliveries are parked.
    DISABLED = 1
    #: Deleted: its deliveries are cancelled.
    DELETED = 2


class Verdict(IntEnum):
    """What the recording step does with a leased delivery."""

    DELIVERED = 1
    RETRY = 2
    DEAD = 3
    #: No request was made; the delivery is due as before.
    RETURNED = 4
    #: No request was made, because the endpoint is disabled.
    PARKED = 5
    #: No request was made, because the endpoint or the payload is gone.
    CANCELLED = 6


@dataclass(frozen=True, slots=True)
class LeasedDelivery:
    """A row of the queue that this process may send for until its lease ends."""

    id: UUID
    event_id: UUID
    endpoint_id: UUID
    tenant_id: UUID
    lease_id: UUID
    #: Number of the attempt about to be made; 1 is the first.
    number: int
    charged: int
    faults: int
    lost: int
    trigger: int
    closed: Closed
    #: Versions of the endpoint and its tenant, by which what is cached of them is judged.
    version: tuple[int, int]


@dataclass(frozen=True, slots=True)
class EventContent:
    """What a request needs of an event."""

    id: UUID
    organization_id: UUID
    event_type: str
    #: None once emptied.
    payload: bytes | None
    expired: bool
    traceparent: str | None
    #: Sealed headers of its requests (message_headers.py).
    headers: bytes | None = None
    deliver_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The facts of one request made, for its Attempt row."""

    attempt_id: UUID
    status_code: int
    error_kind: str | None
    duration_ms: int | None
    url: str
    response: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a leased delivery; the recording step writes it down."""

    delivery: LeasedDelivery
    verdict: Verdict
    #: None when nothing was sent.
    request: Request | None = None
    #: Seconds from `ended` to the next attempt, for a RETRY.
    delay: float = 0.0
    #: Monotonic clock at the end of the attempt.
    ended: float = 0.0
    #: Whether the attempt spends the retry schedule.
    charged: bool = False
    wait: Wait = Wait.SCHEDULE
    #: DeadLetter.Reason, for DEAD.
    reason: str | None = None
    organization_id: UUID | None = None
    event_type: str | None = None
    #: Seconds for which the receiver asked that its endpoint be left alone.
    pause: float | None = None
    #: When the event was to be delivered, if not at once.
    deliver_at: datetime | None = None


def ended_with_its_endpoint(delivery: LeasedDelivery) -> Outcome:
    """Settle what is not sent, because its endpoint is disabled or deleted."""
    verdict = Verdict.PARKED if delivery.closed is Closed.DISABLED else Verdict.CANCELLED
    return Outcome(delivery, verdict)


def ended_with_its_payload(delivery: LeasedDelivery, event: EventContent | None) -> Outcome:
    """Settle what cannot be sent: expunged by hand is cancelled, outlived is a dead letter."""
    if event is None or not event.expired:
        return Outcome(delivery, Verdict.CANCELLED)
    return Outcome(
        delivery,
        Verdict.DEAD,
        reason="expired",
        organization_id=event.organization_id,
        event_type=event.event_type,
    )
