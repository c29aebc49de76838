"""The admin's pages of what was sent: events, deliveries, attempts, dead letters, replays."""

from deliveries.admin.attempts import AttemptAdmin
from deliveries.admin.dead_letters import DeadLetterAdmin
from deliveries.admin.deliveries import DeliveryAdmin
from deliveries.admin.endpoints import DeliveringEndpointAdmin
from deliveries.admin.events import EventAdmin
from deliveries.admin.replays import ReplayAdmin

__all__ = [
    "AttemptAdmin",
    "DeadLetterAdmin",
    "DeliveringEndpointAdmin",
    "DeliveryAdmin",
    "EventAdmin",
    "ReplayAdmin",
]
