"""API keys and audit entries."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from endpoints.api.serializers.fields import IdText, Moment, Text, Title, WireSerializer, not_blank
from endpoints.models import ApiKey
from webhooks_platform.lib import ids

NAME_MAX = 256


class ApiKeyIn(WireSerializer):
    name = Title(max_length=NAME_MAX, validators=[not_blank])
    scopes = serializers.ListField(
        child=serializers.ChoiceField(ApiKey.Scope.values), allow_empty=False
    )
    appId = Text(allow_null=True, default=None)  # noqa: N815 - the wire's names.
    expiresAt = Moment(allow_null=True, default=None)  # noqa: N815

    def validate_expiresAt(self, value: Any) -> Any:  # noqa: N802
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("Must be in the future.")
        return value


class ApiKeyOut(WireSerializer):
    id = IdText(prefix=ids.API_KEY)
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    appId = serializers.SerializerMethodField()  # noqa: N815
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)  # noqa: N815
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True)  # noqa: N815

    def get_appId(self, key: ApiKey) -> str | None:  # noqa: N802
        return ids.to_text(ids.TENANT, key.tenant_id) if key.tenant_id else None


class NewApiKeyOut(ApiKeyOut):
    key = serializers.CharField(help_text="Shown once.")


class AuditEntryOut(WireSerializer):
    id = IdText(prefix=ids.AUDIT_ENTRY)
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    target = serializers.CharField()
    detail = serializers.DictField()
    requestId = serializers.CharField(source="request_id", allow_null=True)  # noqa: N815
