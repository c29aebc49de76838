"""How far a tenant or endpoint with a `throttle_rate` is ahead of it: a token bucket as one row.

The claim takes tokens (deliveries/claim.py); here is what it and its readers have to agree on.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models

#: Seconds' worth of tokens that a bucket holds beyond one: what a late claim makes up for, and the
#: most by which a window of any length exceeds its rate. 3 % of five seconds.
SLACK: Final = 0.15
#: Seconds' worth of tokens that are handed out together, so that a high rate is no busy loop.
GRAIN: Final = 0.05


class Throttle(models.Model):
    """The bucket of one tenant or endpoint; made by the first claim that meets its rate."""

    #: Id of the tenant or endpoint. No foreign key: the claim writes it.
    key = models.UUIDField(primary_key=True)
    #: When the bucket was empty; it has filled at its rate since. A change of the rate changes
    #: nothing here.
    empty_at = models.DateTimeField()

    class Meta:
        db_table = "throttle"

    def __str__(self) -> str:
        return str(self.key)


def grain(rate: int) -> int:
    """Return how many tokens must be there before any is taken."""
    return max(1, int(rate * GRAIN))


def free_at(buckets: dict[UUID, Throttle], key: UUID, rate: int | None) -> datetime | None:
    """Return when the bucket gives, or gave, tokens again; None for one without a limit."""
    bucket = buckets.get(key)
    if bucket is None or rate is None:
        return None
    return bucket.empty_at + timedelta(seconds=grain(rate) / rate)
