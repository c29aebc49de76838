"""/event-type/import/openapi: event types from the webhooks of an OpenAPI document."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.views import APIView

from endpoints import event_type_import, openapi_documents
from endpoints.api.acting import actor, refusals
from endpoints.api.authentication import caller
from endpoints.api.serializers.event_type_import import ImportIn, ImportOut
from endpoints.api.serializers.event_types import EventTypeIn
from endpoints.api.views.event_types import TAGS
from endpoints.openapi_documents import DocumentError, Webhook
from webhooks_platform.api.errors import ApiError, FieldError
from webhooks_platform.api.exceptions import faults_of


class EventTypeImport(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="event_type_import_openapi",
        tags=TAGS,
        request=ImportIn,
        responses=ImportOut,
    )
    def post(self, request: Request) -> Response:
        """Create and change event types as a document describes them.

        A changed schema becomes the next version. Nothing outside the document is fetched.
        """
        body = ImportIn(data=request.data)
        body.is_valid(raise_exception=True)
        described = _described(body.validated_data)
        organization_id = caller(request).organization_id
        if body.validated_data["dryRun"]:
            return Response({"data": _preview(organization_id, described)})
        with refusals():
            modified = event_type_import.run(
                organization_id,
                described,
                replace_all=body.validated_data["replaceAll"],
                actor=actor(request),
            )
        return Response({"data": {"modified": modified}})


def _described(wanted: Mapping[str, Any]) -> list[Webhook]:
    """Return what the document describes; raise the 400 or 422."""
    if (wanted["spec"] is None) == (wanted["specRaw"] is None):
        raise ApiError(400, "invalid_spec", "Exactly one of spec and specRaw has to be given.")
    place = "spec" if wanted["specRaw"] is None else "specRaw"
    with _named(place):
        document = wanted["spec"]
        if document is None:
            document = openapi_documents.parse(wanted["specRaw"])
        found = openapi_documents.webhooks(document)
    for webhook in found:
        _check(webhook, place)
    return found


@contextmanager
def _named(place: str) -> Iterator[None]:
    try:
        yield
    except DocumentError as error:
        raise FieldError.at("body", place, *error.path, message=error.message) from None


def _check(webhook: Webhook, place: str) -> None:
    """Raise the 422 for what the catalogue would not take either, as by hand."""
    body = EventTypeIn(
        data={
            "name": webhook.name,
            "description": webhook.description,
            "groupName": webhook.group_name,
            "featureFlags": webhook.feature_flags,
        }
    )
    try:
        body.is_valid(raise_exception=True)
    except ValidationError as error:
        around = ("body", place, "webhooks", webhook.name)
        raise FieldError(list(faults_of(around, error.detail))) from None


def _preview(organization_id: UUID, described: Sequence[Webhook]) -> dict[str, Any]:
    wanted = event_type_import.preview(organization_id, described)
    return {
        "modified": [],
        "to_modify": [
            {
                "name": webhook.name,
                "description": webhook.description,
                "schemas": values.get("schemas"),
                "deprecated": webhook.deprecated,
                "groupName": webhook.group_name,
                "featureFlags": webhook.feature_flags or [],
            }
            for webhook, values in wanted
        ],
    }
