"""JSON types taken as they are: a number is no text, a text no number, 1 is not true."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from endpoints import policy
from endpoints.api import moments
from endpoints.policy import PolicyError
from webhooks_platform.lib import ids

NAME = re.compile(r"[a-zA-Z0-9\-_.]+")
NAME_MAX = 256
METADATA_BYTES_MAX = 4096
RATE_MAX = 2**31 - 1
#: docs/delivery_policy.md explains each; a member that is null is inherited, like one left out.
POLICY_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "description": "Overrides of the delivery policy. What is left out or null is inherited: "
    "by an endpoint from its application, by an application from the platform.",
    "properties": {
        "retrySchedule": {
            "type": ["array", "null"],
            "description": "Seconds from the end of each failed attempt to the next; "
            "empty for no retries.",
            "items": {"type": "number", "minimum": 0, "maximum": policy.YEAR_SECONDS},
            "maxItems": policy.SCHEDULE_STEPS_MAX,
        },
        "sendTimeout": {
            "type": ["number", "null"],
            "description": "Seconds for one whole exchange.",
            "exclusiveMinimum": 0,
            "maximum": policy.SEND_TIMEOUT_MAX,
        },
        "permanentStatuses": {
            "type": ["string", "null"],
            "description": "Statuses that are not retried, within 300 to 599.",
            "examples": ["400-407,422"],
        },
        "signatureHeader": {
            "type": ["string", "null"],
            "description": "Name of a header for the timestamped signature, sent in addition; "
            "the empty text undoes what is inherited.",
            "examples": [policy.SUGGESTED_SIGNATURE_HEADER],
        },
        policy.UNKNOWN_EVENT_TYPES: {
            "enum": [policy.ACCEPT, policy.REFUSE, None],
            "description": "Of an application only: what becomes of a publish whose event type "
            "is not in the catalogue.",
        },
    },
}


class WireSerializer(serializers.Serializer[Any]):
    """Reads a body by the names of the wire; fields that it does not know are ignored.

    `aliases` maps an older name of a field to the one it stands for, unless both are given;
    `nulls` says what null means where it is neither a value of its own nor a fault.
    """

    aliases: Mapping[str, str] = {}
    nulls: Mapping[str, Any] = {}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            named = {name: data[old] for old, name in self.aliases.items() if old in data}
            named |= data
            absent = {name: self.nulls[name] for name in self.nulls if named.get(name, 0) is None}
            data = named | absent
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, kept as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


def not_blank(text: str) -> None:
    """Refuse text of blanks alone, where people are to say something."""
    if text and not text.strip():
        raise serializers.ValidationError("Must not consist of blanks.", code="blank")


class Title(Text):
    """A name for people: at least one character, no control characters."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if any(character <= "\x08" for character in text):
            raise serializers.ValidationError("Must not contain control characters.")
        return text


class Name(Text):
    """A name for programs: letters, digits, `-`, `_` and `.`; at most 256 of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=NAME_MAX, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not NAME.fullmatch(text):
            raise serializers.ValidationError("Must consist of letters, digits, '-', '_' and '.'.")
        return text


class Uid(Name):
    """The caller's own id; one that looked like an id of ours could not be told from it."""

    def __init__(self, *, prefix: str, **options: Any) -> None:
        self.reserved_prefix = prefix
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text.startswith(self.reserved_prefix):
            raise serializers.ValidationError(f"Must not begin with '{self.reserved_prefix}'.")
        return text


class Names(serializers.ListField):
    """A filter: at least one name, each counted once; null stands for no filter."""

    child = Name()

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_empty=False, allow_null=True, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class Flag(serializers.BooleanField):
    """true or false, and nothing that may be taken for them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WholeNumber(serializers.IntegerField):
    """A JSON integer."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class Moment(Text):
    """A time with its offset (RFC 3339)."""

    def to_internal_value(self, data: Any) -> datetime:  # type: ignore[override]
        text = super().to_internal_value(data)
        try:
            return moments.parse(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class Rate(WholeNumber):
    """Deliveries per second; null stands for no limit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=RATE_MAX, allow_null=True, **options)


class Metadata(serializers.DictField):
    """The caller's own facts, texts only, 4,096 bytes as JSON."""

    child = Text(allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        metadata = super().to_internal_value(data)
        if len(orjson.dumps(metadata)) > METADATA_BYTES_MAX:
            raise serializers.ValidationError(
                f"Must be at most {METADATA_BYTES_MAX} bytes long as JSON."
            )
        return metadata


@extend_schema_field(POLICY_SCHEMA)
class Policy(serializers.JSONField):
    """Overrides of the delivery policy, see endpoints.policy; an unknown key is a fault here."""

    def __init__(self, *, of_endpoint: bool = False, **options: Any) -> None:
        self.of_endpoint = of_endpoint
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            return policy.checked(data, of_endpoint=self.of_endpoint)
        except PolicyError as error:
            faults = {key or "non_field_errors": [message] for key, message in error.faults}
            raise serializers.ValidationError(faults) from None


@extend_schema_field(POLICY_SCHEMA)
class StoredPolicy(serializers.DictField):
    """The overrides of one level, as they were given."""


class IdText(serializers.CharField):
    """An id as the wire shows it."""

    def __init__(self, *, prefix: str, **options: Any) -> None:
        self.prefix = prefix
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Any) -> str:
        return ids.to_text(self.prefix, value)
