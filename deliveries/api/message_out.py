"""How an event looks on the wire (MessageOut), made of its row alone.

So the answer to a publish and to its repeats under one idempotency key are the same bytes.
"""

from deliveries.publish import SEPARATOR, Accepted
from webhooks_platform.api.rendering import to_json
from webhooks_platform.lib import ids
from webhooks_platform.lib.strict_json import StrictJSONError, decode

EMPTY = b"{}"
EXPIRED = b'{"expired":true}'


def render(event: Accepted, *, with_content: bool = True, is_object: bool = False) -> bytes:
    """Return MessageOut as JSON text; `is_object` says that the payload is known to be one."""
    # Names and channels need no escapes: message_in.py lets no such characters in.
    uid = "null" if event.uid is None else f'"{event.uid}"'
    names = '","'.join(event.channels.split(",")) if event.channels else ""
    channels = f'["{names}"]' if names else "null"
    head = (
        f'{{"id":"{ids.to_text(ids.EVENT, event.event_id)}","eventId":{uid},'
        f'"eventType":"{event.event_type}","channels":{channels},"payload":'
    )
    payload = _shown(event.payload, is_object=is_object) if with_content else EMPTY
    stamp = to_json(ids.timestamp(event.event_id))
    return b'%b%b,"timestamp":%b%b}' % (head.encode(), payload, stamp, _options(event))


def _options(event: Accepted) -> bytes:
    """Return the members that only some events have."""
    if event.tags is None and event.deliver_at is None:
        return b""
    tags = b"" if event.tags is None else b',"tags":' + to_json(event.tags.split(SEPARATOR))
    if event.deliver_at is None:
        return tags
    return b'%b,"deliverAt":%b' % (tags, to_json(event.deliver_at))


def _shown(payload: bytes | None, *, is_object: bool) -> bytes:
    if payload is None:
        return EXPIRED
    return payload if is_object else as_object(payload)


def as_object(payload: bytes) -> bytes:
    """Return a payload's own bytes; text that is no JSON object is shown within one."""
    if payload.lstrip()[:1] == b"{":
        try:
            decode(payload)
        except StrictJSONError:
            pass
        else:
            return payload
    return to_json({"rawPayload": payload.decode(errors="replace")})
