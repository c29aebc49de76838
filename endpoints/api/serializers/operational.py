"""Operational endpoints: endpoints without channels and policy of their own."""

from typing import Any

from rest_framework import serializers

from endpoints.api.serializers.endpoints import EndpointIn, EndpointOut, EndpointUpdate
from endpoints.api.serializers.fields import Names
from endpoints.operational import EVENT_TYPES


class OperationalTypes(Names):
    """Some of the platform's own event types; null for all of them."""

    def to_internal_value(self, data: Any) -> list[str]:
        names = super().to_internal_value(data)
        unknown = [name for name in names if name not in EVENT_TYPES]
        if unknown:
            raise serializers.ValidationError(
                f"The following event types don't exist: {', '.join(unknown)}. "
                f"Those of operational webhooks are {', '.join(EVENT_TYPES)}."
            )
        return names


class _WithoutPolicy(serializers.Serializer[Any]):
    """Operational events have no channels, and go by the platform's policy."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        return {name: fields[name] for name in fields if name not in ("channels", "policy")}


class OperationalEndpointUpdate(_WithoutPolicy, EndpointUpdate):
    eventTypes = OperationalTypes(source="event_types", default=None)  # noqa: N815


class OperationalEndpointIn(_WithoutPolicy, EndpointIn):
    eventTypes = OperationalTypes(source="event_types", default=None)  # noqa: N815


class OperationalEndpointOut(_WithoutPolicy, EndpointOut):
    """An endpoint without the two."""
