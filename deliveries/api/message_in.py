"""What a client publishes (MessageIn): checked, with the payload's bytes as they came."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from deliveries.api import message_options
from webhooks_platform.api.errors import Fault, FieldError, fault, json_error
from webhooks_platform.lib import ids
from webhooks_platform.lib.strict_json import MAX_DEPTH, StrictJSONError, decode

MAX_CHANNELS = 5
MAX_NAME_LENGTH = 256

_NAME = re.compile(r"[a-zA-Z0-9\-_.]{1,256}")
_NAME_RULE = f"Up to {MAX_NAME_LENGTH} letters, digits, dots, dashes and underscores."


class _Payload(msgspec.Struct):
    """Where the payload's own bytes are; everything else is passed over."""

    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_payload_decoder = msgspec.json.Decoder(_Payload)


@dataclass(frozen=True, slots=True)
class MessageIn:
    """A checked message."""

    event_type: str
    #: `eventId` on the wire.
    uid: str | None
    channels: list[str] | None
    payload: bytes
    #: How long the payload is kept, if the message says so.
    retention: timedelta | None
    #: ApplicationIn, unchecked, by which the tenant is made if the path names none.
    application: dict[str, Any] | None
    #: Whether the payload is a JSON object; text sent in its place need not be one.
    is_object: bool
    #: In UTC; None for at once.
    deliver_at: datetime | None = None
    tags: list[str] | None = None
    #: Of its requests, by name.
    headers: dict[str, str] | None = None


def parse_message(body: bytes) -> MessageIn:
    """Return the message in a request's body; raise FieldError with every fault in it."""
    try:
        # The payload may be as deep as any body, and lies one level down.
        value = decode(body, max_depth=MAX_DEPTH + 1)
    except StrictJSONError as error:
        raise json_error(error) from None
    return check_message(value, body)


def check_message(value: Any, text: bytes) -> MessageIn:
    """Return the message that `text` means; `value` is its strict decoding."""
    faults = list(_faults(value)) if isinstance(value, dict) else [_not_an_object("body")]
    if faults:
        raise FieldError(faults)
    parameters = value.get("transformationsParams") or {}
    text_payload = parameters.get("rawPayload")
    return MessageIn(
        event_type=value["eventType"],
        uid=value.get("eventId"),
        channels=value.get("channels"),
        payload=text_payload.encode() if text_payload is not None else _payload(value, text),
        retention=message_options.retention(value),
        application=value.get("application"),
        is_object=text_payload is None,
        deliver_at=message_options.deliver_at(value),
        tags=value.get("tags") or None,
        headers=parameters.get("headers") or None,
    )


def _payload(value: dict[str, Any], text: bytes) -> bytes:
    found = _payload_decoder.decode(text)
    return bytes(found.payload if "payload" in value else found.data)  # type: ignore[arg-type]


def _faults(value: dict[str, Any]) -> Iterator[Fault]:
    yield from _name_faults(value.get("eventType"), "eventType", required=True)
    yield from _name_faults(value.get("eventId"), "eventId")
    yield from _uid_faults(value.get("eventId"))
    yield from _channel_faults(value.get("channels"))
    yield from _payload_faults(value)
    if not message_options.NAMES.isdisjoint(value):
        yield from message_options.option_faults(value)
    yield from _parameter_faults(value.get("transformationsParams"))
    application = value.get("application")
    if application is not None and not isinstance(application, dict):
        yield _not_an_object("body", "application")


def _name_faults(name: Any, *place: str | int, required: bool = False) -> Iterator[Fault]:
    if name is None:
        if required:
            yield fault(("body", *place), "This field is required.", "required")
    elif not isinstance(name, str):
        yield fault(("body", *place), "Must be a string.", "type")
    elif not _NAME.fullmatch(name):
        yield fault(("body", *place), _NAME_RULE)


def _uid_faults(uid: Any) -> Iterator[Fault]:
    if isinstance(uid, str) and uid.startswith(ids.EVENT):
        # Or a path could not tell uids from ids.
        yield fault(("body", "eventId"), f"Must not begin with {ids.EVENT}")


def _channel_faults(channels: Any) -> Iterator[Fault]:
    if channels is None:
        return
    if not isinstance(channels, list):
        yield fault(("body", "channels"), "Must be a list.", "type")
    elif not 1 <= len(channels) <= MAX_CHANNELS:
        yield fault(("body", "channels"), f"Takes 1 to {MAX_CHANNELS} channels.")
    else:
        for index, channel in enumerate(channels):
            yield from _name_faults(channel, "channels", index, required=True)


def _payload_faults(value: dict[str, Any]) -> Iterator[Fault]:
    if "payload" in value and "data" in value:
        message = "payload and data are two names of one field."
        yield fault(("body", "data"), message, "duplicate_key")
        return
    name = "data" if "data" in value else "payload"
    if name not in value:
        yield fault(("body", "payload"), "This field is required.", "required")
    elif not isinstance(value[name], dict):
        yield _not_an_object("body", name)


def _parameter_faults(parameters: Any) -> Iterator[Fault]:
    if parameters is None:
        return
    place = ("body", "transformationsParams")
    if not isinstance(parameters, dict):
        yield _not_an_object(*place)
        return
    if not isinstance(parameters.get("rawPayload"), str | None):
        yield fault((*place, "rawPayload"), "Must be a string.", "type")
    yield from message_options.header_faults(parameters.get("headers"))


def _not_an_object(*place: str) -> Fault:
    return fault(place, "Must be a JSON object.", "type")
