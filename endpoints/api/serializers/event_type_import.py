"""Import of event types from an OpenAPI document."""

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from endpoints.api.serializers.fields import Flag, Text, WireSerializer


class ImportIn(WireSerializer):
    nulls = {"dryRun": False, "replaceAll": False}

    #: The document as JSON, or as text in JSON or YAML; one of the two.
    spec = serializers.DictField(allow_null=True, default=None)
    specRaw = Text(allow_null=True, allow_blank=True, default=None)  # noqa: N815 - the wire's name.
    dryRun = Flag(default=False)  # noqa: N815
    replaceAll = Flag(default=False)  # noqa: N815


class EventTypeFromOpenApi(WireSerializer):
    name = serializers.CharField()
    description = serializers.CharField()
    schemas = serializers.DictField(allow_null=True)
    deprecated = serializers.BooleanField()
    groupName = serializers.CharField(allow_null=True)  # noqa: N815
    featureFlags = serializers.ListField(child=serializers.CharField())  # noqa: N815


class ImportedOut(WireSerializer):
    #: Names of the event types that were created, changed or archived.
    modified = serializers.ListField(child=serializers.CharField())
    #: Of a dry run: what would be created or changed.
    to_modify = EventTypeFromOpenApi(many=True, required=False)


ImportOut = inline_serializer("EventTypeImportOpenApiOut", {"data": ImportedOut()})
