"""Access to the app portal, as svix asks for it."""

from typing import Any

from rest_framework import serializers

from endpoints.api.serializers.applications import ApplicationIn
from endpoints.api.serializers.fields import Flag, Name, Text, WholeNumber, WireSerializer
from endpoints.models import PortalSession

Capability = PortalSession.Capability
HOUR = 3600
#: svix's bounds, and its default.
EXPIRY_MIN, EXPIRY_MAX = HOUR, 7 * 24 * HOUR
#: How late the end of tokens may be put.
GRACE_MAX = EXPIRY_MAX
FLAGS_MAX = 100
SESSIONS_MAX = 1000
SESSION_ID_MAX = 256


class SessionId(Text):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=SESSION_ID_MAX, **options)


class PortalAccessIn(WireSerializer):
    nulls = {"featureFlags": [], "readOnly": False, "expiry": EXPIRY_MAX}

    application = ApplicationIn(allow_null=True, default=None)
    featureFlags = serializers.ListField(  # noqa: N815 - the wire's names.
        child=Name(), max_length=FLAGS_MAX, default=list
    )
    expiry = WholeNumber(min_value=EXPIRY_MIN, max_value=EXPIRY_MAX, default=EXPIRY_MAX)
    capabilities = serializers.ListField(
        child=serializers.ChoiceField(Capability.values), allow_null=True, default=None
    )
    readOnly = Flag(default=False)  # noqa: N815
    sessionId = SessionId(allow_null=True, default=None)  # noqa: N815

    def validate_capabilities(self, value: list[str] | None) -> list[str] | None:
        if value is not None and Capability.VIEW_BASE not in value:
            raise serializers.ValidationError("Must contain ViewBase.")
        return value


class PortalAccessOut(WireSerializer):
    url = serializers.CharField(help_text="Opens the portal, once, within ten minutes.")
    token = serializers.CharField(help_text="Reusable until it expires. Shown once.")


class ExpireAllIn(WireSerializer):
    nulls = {"expiry": 0}

    expiry = WholeNumber(min_value=0, max_value=GRACE_MAX, default=0)
    sessionIds = serializers.ListField(  # noqa: N815
        child=SessionId(), max_length=SESSIONS_MAX, allow_null=True, default=None
    )


class OneTimeTokenIn(WireSerializer):
    oneTimeToken = Text(max_length=256)  # noqa: N815


class OneTimeTokenOut(WireSerializer):
    token = serializers.CharField()
    appId = serializers.CharField()  # noqa: N815
    expiresAt = serializers.DateTimeField()  # noqa: N815
