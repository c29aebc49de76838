"""Store events and their deliveries: the stage behind every way to publish.

Concurrent publishes share one statement and one commit; each is answered after that commit.
Called by the publish door; the delivery loop (drain.py) takes it from there.
"""

from deliveries.publish.batch import BatchPublisher, KeyUsedError, NoTenantError
from deliveries.publish.publication import (
    SEPARATOR,
    Accepted,
    Outcome,
    OverloadedError,
    Publication,
    PublishError,
    Refused,
    UnavailableError,
)
from deliveries.publish.publisher import Publisher
from deliveries.publish.statement import find_earlier, store_now

__all__ = [
    "SEPARATOR",
    "Accepted",
    "BatchPublisher",
    "KeyUsedError",
    "NoTenantError",
    "Outcome",
    "OverloadedError",
    "Publication",
    "PublishError",
    "Publisher",
    "Refused",
    "UnavailableError",
    "find_earlier",
    "store_now",
]
