"""Event types with their JSON Schemas.

svix's older clients know one `featureFlag`, newer ones a list `featureFlags`; both are taken and
shown, the list wins.
"""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from endpoints.api.serializers.fields import NAME_MAX, Flag, Name, Text, WireSerializer
from endpoints.schemas import schema_fault

ONE_FLAG, FLAGS = "featureFlag", "featureFlags"


@extend_schema_field({"type": "object", "additionalProperties": {"type": ["object", "boolean"]}})
class Schemas(serializers.JSONField):
    """Version -> JSON Schema (draft 7)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("Must map versions to JSON Schemas.")
        found = {version: schema_fault(schema) for version, schema in data.items()}
        faults = {version: [fault] for version, fault in found.items() if fault}
        if faults:
            raise serializers.ValidationError(faults)
        return dict(data)


class EventTypeUpdate(WireSerializer):
    nulls = {FLAGS: []}

    description = Text(allow_blank=True)
    archived = Flag(default=False)
    deprecated = Flag(default=False)
    schemas = Schemas(allow_null=True, default=None)
    #: svix's clients do not know it, so what they send leaves it as it is.
    validatePayloads = Flag(source="validates_payloads", required=False)  # noqa: N815
    featureFlags = serializers.ListField(  # noqa: N815 - the wire's name.
        child=Name(), source="feature_flags", default=list
    )
    groupName = Text(  # noqa: N815
        source="group_name", max_length=NAME_MAX, allow_null=True, default=None
    )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and ONE_FLAG in data and FLAGS not in data:
            one = data[ONE_FLAG]
            data = {**data, FLAGS: [] if one is None else [one]}
        return super().to_internal_value(data)


class EventTypeIn(EventTypeUpdate):
    name = Name()


class EventTypeOut(WireSerializer):
    name = serializers.CharField()
    description = serializers.CharField()
    archived = serializers.BooleanField()
    deprecated = serializers.BooleanField()
    schemas = serializers.DictField(allow_null=True)
    validatePayloads = serializers.BooleanField(source="validates_payloads")  # noqa: N815
    featureFlag = serializers.SerializerMethodField()  # noqa: N815
    featureFlags = serializers.ListField(  # noqa: N815
        child=serializers.CharField(), source="feature_flags"
    )
    groupName = serializers.CharField(source="group_name", allow_null=True)  # noqa: N815
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    def get_featureFlag(self, event_type: Any) -> str | None:  # noqa: N802
        return event_type.feature_flags[0] if event_type.feature_flags else None
