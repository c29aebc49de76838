"""/stats/usage: questions about all applications, answered by background tasks."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries.api import schemas
from deliveries.api.background_task_out import question_out
from deliveries.api.serializers import Bodied
from endpoints.api.authentication import caller
from endpoints.api.scoping import id_of
from endpoints.api.serializers.fields import Moment, Text
from endpoints.models import Tenant, UsageQuestion
from webhooks_platform.api.errors import FieldError
from webhooks_platform.lib import ids

TAGS = ["Statistics"]
APPS_MAX = 1000
#: What is kept; a longer window finds nothing more.
LONGEST = timedelta(days=92)


class UsageIn(Bodied):
    since = Moment()
    until = Moment()
    appIds = serializers.ListField(  # noqa: N815 - the wire's name.
        child=Text(), allow_empty=False, max_length=APPS_MAX, allow_null=True, default=None
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not timedelta() < attrs["until"] - attrs["since"] <= LONGEST:
            message = "Must be after `since`, by 92 days at most."
            raise serializers.ValidationError({"until": message})
        return attrs


class UsageOfApplications(APIView):
    scopes = {"POST": "read"}
    organization_methods = True

    @extend_schema(
        operation_id="statistics_aggregate_app_stats",
        tags=TAGS,
        request=UsageIn,
        responses={202: schemas.UsageTaskOut},
    )
    def post(self, request: Request) -> Response:
        """Count attempts and messages of applications in a window, in the background."""
        wanted = UsageIn.read(request)
        named = wanted["appIds"]
        found = _tenants(caller(request).organization_id, named or [])
        known = set(found.values())
        if named is not None and not known:
            raise FieldError.at("body", "appIds", message="None of these applications exists.")
        question = UsageQuestion.objects.create(
            organization_id=caller(request).organization_id,
            kind=UsageQuestion.Kind.USAGE,
            tenant_ids=None if named is None else sorted(known),
            since=wanted["since"],
            until=min(wanted["until"], timezone.now() + timedelta(hours=1)),
        )
        unresolved = [name for name in dict.fromkeys(named or ()) if name not in found]
        return Response({**question_out(question), "unresolvedAppIds": unresolved}, status=202)


class EventTypesOfApplications(APIView):
    scopes = {"PUT": "read"}
    organization_methods = True

    @extend_schema(
        operation_id="statistics_aggregate_event_types",
        tags=TAGS,
        request=None,
        responses={202: schemas.TaskOut},
    )
    def put(self, request: Request) -> Response:
        """List the event types that each application subscribes to, in the background."""
        question = UsageQuestion.objects.create(
            organization_id=caller(request).organization_id, kind=UsageQuestion.Kind.EVENT_TYPES
        )
        return Response(question_out(question), status=202)


def _tenants(organization_id: UUID, names: list[str]) -> dict[str, UUID]:
    """Return the tenants that ids and uids name; what names none is left out."""
    by_id = {name: wanted for name in names if (wanted := id_of(ids.TENANT, name))}
    rows = Tenant.objects.filter(
        organization_id=organization_id, is_operational=False, deleted_at=None
    )
    known = rows.filter(Q(id__in=by_id.values()) | Q(uid__in=names)).values_list("id", "uid")
    of_id, of_uid = {row[0] for row in known}, {row[1]: row[0] for row in known}
    named = {name: wanted for name, wanted in by_id.items() if wanted in of_id}
    return {name: of_uid[name] for name in names if name in of_uid} | named
