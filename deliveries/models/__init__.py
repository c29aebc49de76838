"""What is sent and what became of it.

Event, SettledDelivery and Attempt are partitioned by day on their UUIDv7 id (retention.py).
Rows of the delivery path carry the tenant and no foreign keys: a check per insert would lock
the endpoint's row on every publish.
"""

from deliveries.models.attempts import Attempt
from deliveries.models.decisions import DeadLetter, Replay, ReplayLane
from deliveries.models.deliveries import Delivery, Lease, OpenDelivery, SettledDelivery
from deliveries.models.events import Event, EventUid
from deliveries.models.purges import BackgroundTask, ContentPurge
from deliveries.models.states import DeliveryStatus, Trigger, Wait

__all__ = [
    "Attempt",
    "BackgroundTask",
    "ContentPurge",
    "DeadLetter",
    "Delivery",
    "DeliveryStatus",
    "Event",
    "EventUid",
    "Lease",
    "OpenDelivery",
    "Replay",
    "ReplayLane",
    "SettledDelivery",
    "Trigger",
    "Wait",
]
