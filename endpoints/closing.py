"""What happens to an endpoint's deliveries when it closes, for those who own deliveries to say.

Nothing here knows deliveries: at start-up their owner registers a function, which lifecycle.py
calls in the transaction that disables or deletes.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from uuid import UUID


class Ending(StrEnum):
    """Why nothing more is sent to an endpoint."""

    #: Open deliveries are parked; enabling the endpoint sends none of them by itself.
    DISABLED = "disabled"
    #: Open deliveries are cancelled.
    DELETED = "deleted"


Listener = Callable[[Sequence[UUID], Ending], None]
_listeners: list[Listener] = []


def on_closed(listener: Listener) -> Listener:
    """Have `listener` called with the endpoints that close, once, in the same transaction."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def close(endpoint_ids: Sequence[UUID], ending: Ending) -> None:
    """End the pending deliveries of the endpoints; the caller holds the transaction."""
    if endpoint_ids:
        for listener in _listeners:
            listener(endpoint_ids, ending)
