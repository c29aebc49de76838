"""Endpoints, their headers and their secrets."""

from typing import Any

from rest_framework import serializers

from endpoints import lifecycle, rotation, signing_secrets
from endpoints.api.serializers.fields import (
    Flag,
    IdText,
    Metadata,
    Names,
    Policy,
    Rate,
    StoredPolicy,
    Text,
    Uid,
    WholeNumber,
    WireSerializer,
)
from endpoints.signing_secrets import InvalidSecretError
from endpoints.url_policy import EndpointUrl, UrlNotAllowed
from webhooks_platform.lib import ids

CHANNELS_MAX = 10


class Url(Text):
    """An endpoint's URL, parsed and judged; becomes an EndpointUrl."""

    def to_internal_value(self, data: Any) -> EndpointUrl:  # type: ignore[override]
        try:
            return lifecycle.checked_url(super().to_internal_value(data))
        except UrlNotAllowed as error:
            raise serializers.ValidationError(str(error), code="url_not_allowed") from None


class Secret(Text):
    """`whsec_…` or `whsk_…`; null for a fresh one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, default=None, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            signing_secrets.parse_secret(text)
        except InvalidSecretError as error:
            raise serializers.ValidationError(str(error)) from None
        return text


class EndpointUpdate(WireSerializer):
    aliases = {"rateLimit": "throttleRate", "filterTypes": "eventTypes"}
    nulls = {"metadata": {}, "policy": {}, "description": ""}

    url = Url()
    uid = Uid(prefix=ids.ENDPOINT, allow_null=True, default=None)
    description = Text(allow_blank=True, default="")
    disabled = Flag(default=False)
    eventTypes = Names(source="event_types", default=None)  # noqa: N815 - the wire's name.
    channels = Names(max_length=CHANNELS_MAX, default=None)
    throttleRate = Rate(source="throttle_rate", default=None)  # noqa: N815
    metadata = Metadata(default=dict)
    policy = Policy(of_endpoint=True, default=dict)


class EndpointIn(EndpointUpdate):
    nulls = {**EndpointUpdate.nulls, "headers": {}}

    secret = Secret(write_only=True)
    headers = serializers.DictField(child=Text(allow_blank=True), default=dict, write_only=True)


class EndpointOut(WireSerializer):
    id = IdText(prefix=ids.ENDPOINT)
    uid = serializers.CharField(allow_null=True)
    url = serializers.CharField()
    description = serializers.CharField()
    disabled = serializers.SerializerMethodField()
    eventTypes = serializers.ListField(source="event_types", allow_null=True)  # noqa: N815
    filterTypes = serializers.ListField(source="event_types", allow_null=True)  # noqa: N815
    channels = serializers.ListField(allow_null=True)
    throttleRate = serializers.IntegerField(source="throttle_rate", allow_null=True)  # noqa: N815
    rateLimit = serializers.IntegerField(source="throttle_rate", allow_null=True)  # noqa: N815
    metadata = serializers.DictField(child=serializers.CharField())
    policy = StoredPolicy()
    version = serializers.IntegerField()
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    def get_disabled(self, endpoint: Any) -> bool:
        return endpoint.disabled_at is not None


class HeadersIn(WireSerializer):
    """All headers anew."""

    headers = serializers.DictField(child=Text(allow_blank=True))


class HeadersPatch(WireSerializer):
    """Some headers; null and `deleteHeaders` both remove one."""

    nulls = {"headers": {}, "deleteHeaders": []}

    headers = serializers.DictField(child=Text(allow_blank=True, allow_null=True), default=dict)
    deleteHeaders = serializers.ListField(child=Text(), default=list)  # noqa: N815

    def changes(self) -> tuple[dict[str, str], list[str]]:
        """Return the headers to set, and the names of those to remove."""
        wanted = self.validated_data["headers"]
        values = {name: value for name, value in wanted.items() if value is not None}
        return values, [*self.validated_data["deleteHeaders"], *(wanted.keys() - values.keys())]


class HeadersOut(WireSerializer):
    headers = serializers.DictField(child=serializers.CharField())
    #: Names of headers whose values are not shown.
    sensitive = serializers.ListField(child=serializers.CharField())


class SecretOut(WireSerializer):
    key = serializers.CharField()


class RotateIn(WireSerializer):
    nulls = {"gracePeriodSeconds": rotation.GRACE_SECONDS_DEFAULT}

    key = Secret()
    gracePeriodSeconds = WholeNumber(  # noqa: N815
        min_value=0,
        max_value=rotation.GRACE_SECONDS_MAX,
        default=rotation.GRACE_SECONDS_DEFAULT,
    )
