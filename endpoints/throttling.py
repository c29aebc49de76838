"""How far a tenant or endpoint with a `throttle_rate` is ahead of it: a token bucket as one row.

The claim takes tokens (deliveries/claim.py); here is what it and its readers have to agree on.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from endpoints.models import Throttle

#: Seconds' worth of tokens that a bucket holds beyond one: what a late claim makes up for, and the
#: most by which a window of any length exceeds its rate. 3 % of five seconds.
SLACK: Final = 0.15
#: Seconds' worth of tokens that are handed out together, so that a high rate is no busy loop.
GRAIN: Final = 0.05


def grain(rate: int) -> int:
    """Return how many tokens must be there before any is taken."""
    return max(1, int(rate * GRAIN))


def free_at(buckets: dict[UUID, Throttle], key: UUID, rate: int | None) -> datetime | None:
    """Return when the bucket gives, or gave, tokens again; None for one without a limit."""
    bucket = buckets.get(key)
    if bucket is None or rate is None:
        return None
    return bucket.empty_at + timedelta(seconds=grain(rate) / rate)
