"""The messages of one batch: each is checked by itself, so that a bad one fails alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from deliveries.api.message_in import MessageIn, check_message
from webhooks_platform.api.errors import Fault, FieldError, json_error
from webhooks_platform.lib.strict_json import MAX_DEPTH, StrictJSONError, decode

MAX_MESSAGES = 1000
#: A payload lies three levels down: body, list, message.
_DEPTH = MAX_DEPTH + 3


class _Batch(msgspec.Struct):
    messages: list[msgspec.Raw]


_UNREAD = object()
_decoder = msgspec.json.Decoder(_Batch)


@dataclass(frozen=True, slots=True)
class BatchIn:
    """The good messages and the faults of the bad ones, by their place in the list."""

    messages: dict[int, MessageIn]
    faults: dict[int, list[Fault]]
    #: Places of those that are larger than a message may be.
    too_large: set[int] = field(default_factory=set)

    def refuse(self, index: int, found: Sequence[Fault]) -> None:
        """Make a message a bad one, with faults as if it stood alone."""
        self.messages.pop(index, None)
        place = ["body", "messages", str(index)]
        self.faults[index] = [{**each, "loc": [*place, *each["loc"][1:]]} for each in found]


def parse_batch(body: bytes, *, largest: int) -> BatchIn:
    """Return the messages of a body; raise FieldError if it is no list of 1 to 1,000.

    A message of more than `largest` bytes is taken no further.
    """
    around, whole = _read(body)
    try:
        raw = _decoder.decode(body).messages
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise around or _no_list() from None
    if not 1 <= len(raw) <= MAX_MESSAGES:
        message = f"Takes 1 to {MAX_MESSAGES} messages."
        raise FieldError.at("body", "messages", message=message)
    # What is strict as a whole need not be decoded again for each message.
    values = [_UNREAD] * len(raw) if around else whole["messages"]
    batch = BatchIn({}, {})
    broken = [
        not _add(batch, index, bytes(text), value, largest=largest)
        for index, (text, value) in enumerate(zip(raw, values, strict=True))
    ]
    if around is not None and not any(broken):
        # It is in none of the messages, so it is what surrounds them.
        raise around
    return batch


def _add(batch: BatchIn, index: int, text: bytes, value: Any, *, largest: int) -> bool:
    """Add one message or its faults; return whether its text is strict JSON."""
    if len(text) > largest:
        batch.too_large.add(index)
        return value is not _UNREAD or _read(text)[0] is None
    place = ("messages", str(index))
    try:
        if value is _UNREAD:
            value = decode(text, max_depth=MAX_DEPTH + 1)
        batch.messages[index] = check_message(value, text)
    except StrictJSONError as error:
        batch.faults[index] = json_error(error, *place).faults
        return False
    except FieldError as error:
        batch.refuse(index, error.faults)
    return True


def _read(text: bytes) -> tuple[FieldError | None, Any]:
    """Return what is wrong with the text as a whole, or its value."""
    try:
        return None, decode(text, max_depth=_DEPTH)
    except StrictJSONError as error:
        return json_error(error), None


def _no_list() -> FieldError:
    message = "Must be a list of messages."
    return FieldError.at("body", "messages", message=message, kind="type")
