"""Lists in the OpenAPI document: what they take in the query string, and what a page holds."""

from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from endpoints.api.serializers.fields import WireSerializer
from webhooks_platform.api.pagination import DEFAULT_LIMIT, MAX_LIMIT

LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    description="Rows of the page.",
)
ITERATOR = OpenApiParameter(
    "iterator", str, description="`iterator` or `prevIterator` of the page before or after."
)
ORDER = OpenApiParameter("order", str, enum=["ascending", "descending"], description="By age.")


def page_of(rows: type[WireSerializer]) -> serializers.Serializer[object]:
    """Return what a page of these rows looks like; it only describes, and writes nothing."""
    fields = {
        "data": rows(many=True),
        "iterator": serializers.CharField(allow_null=True),
        "prevIterator": serializers.CharField(required=False),
        "done": serializers.BooleanField(help_text="Nothing follows in this direction."),
    }
    page: serializers.Serializer[object] = inline_serializer(f"ListResponse{rows.__name__}", fields)
    return page


def flag_parameter(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, bool, description=description)
