"""Event rows as the publish door shows them, byte for byte."""

from collections.abc import Mapping
from typing import Any

import orjson

from deliveries.api import message_out
from deliveries.models import Event
from deliveries.publish import SEPARATOR, Accepted
from webhooks_platform.api.rendering import to_json


def shown(event: Event, *, with_payload: bool) -> orjson.Fragment:
    """Return the MessageOut of a row; without its payload that column need not be loaded."""
    return orjson.Fragment(_rendered(event, with_payload))


def shown_with(event: Event, more: Mapping[str, Any], *, with_payload: bool) -> orjson.Fragment:
    """Return the MessageOut of a row with more members after its own."""
    own, added = _rendered(event, with_payload), to_json(more)
    return orjson.Fragment(own[:-1] + b"," + added[1:])


def _rendered(event: Event, with_payload: bool) -> bytes:
    payload = event.payload if with_payload else None
    accepted = Accepted(
        event_id=event.id,
        uid=event.uid,
        event_type=event.event_type,
        channels=",".join(event.channels) if event.channels else None,
        payload=None if payload is None else bytes(payload),
        tags=SEPARATOR.join(event.tags) if event.tags else None,
        deliver_at=event.deliver_at,
    )
    return message_out.render(accepted, with_content=with_payload)
