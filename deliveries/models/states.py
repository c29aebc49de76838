"""The states of a delivery and of an attempt, as numbers that are stored."""

from django.db import models


class DeliveryStatus(models.IntegerChoices):
    """Where a delivery stands; the first two are open, the others settled."""

    #: Waits for its due time.
    PENDING = 1
    #: Leased by a delivery loop.
    SENDING = 2
    #: The receiver answered 2xx.
    DELIVERED = 3
    #: Given up on; a dead letter awaits a decision.
    DEAD = 4
    #: Not sent, because the endpoint is disabled.
    PARKED = 5
    #: Ended by a person, a deletion or an expunged payload.
    CANCELLED = 6


class Trigger(models.IntegerChoices):
    """What made an attempt happen; numbers as on the wire."""

    SCHEDULED = 0
    MANUAL = 1


class Wait(models.IntegerChoices):
    """Why an open delivery is not due yet."""

    #: The retry schedule (or, for a new delivery, nothing at all).
    SCHEDULE = 0
    #: The receiver asked for it by Retry-After.
    RETRY_AFTER = 1
    #: The event is to be delivered at a given time.
    DELIVER_AT = 2
    #: A fault of ours, retried within seconds.
    PLATFORM = 3
