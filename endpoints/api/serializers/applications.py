"""Tenants, which the wire calls applications."""

from rest_framework import serializers

from endpoints.api.serializers.fields import (
    IdText,
    Metadata,
    Policy,
    Rate,
    StoredPolicy,
    Title,
    Uid,
    WireSerializer,
)
from webhooks_platform.lib import ids

NAME_MAX = 1024


class ApplicationIn(WireSerializer):
    aliases = {"rateLimit": "throttleRate"}
    nulls = {"metadata": {}, "policy": {}}

    name = Title(max_length=NAME_MAX)
    uid = Uid(prefix=ids.TENANT, allow_null=True, default=None)
    throttleRate = Rate(source="throttle_rate", default=None)  # noqa: N815 - the wire's name.
    metadata = Metadata(default=dict)
    policy = Policy(default=dict)


class ApplicationOut(WireSerializer):
    id = IdText(prefix=ids.TENANT)
    uid = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    throttleRate = serializers.IntegerField(source="throttle_rate", allow_null=True)  # noqa: N815
    metadata = serializers.DictField(child=serializers.CharField())
    policy = StoredPolicy()
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815
