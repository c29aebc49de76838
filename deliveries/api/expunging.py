"""/app/{app_id}/msg/…: take contents out of the record: of one message, of some, of all."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import expunge
from deliveries.api import schemas
from deliveries.api.background_task_out import purge_out
from deliveries.api.lookups import get_event, tenant_of
from deliveries.api.serializers import Bodied
from deliveries.models import Event
from deliveries.queries import events
from endpoints.api.acting import actor
from endpoints.api.serializers.fields import Text
from endpoints.models import Tenant

TAGS = ["Message"]
MAX_IDS = 250


class BulkExpungeIn(Bodied):
    nulls = {"ids": []}

    ids = serializers.ListField(child=Text(), max_length=MAX_IDS, default=list)


class MessageContent(APIView):
    scopes = {"DELETE": "manage"}
    organization_methods = True

    @extend_schema(operation_id="message_expunge_content", tags=TAGS, responses={204: None})
    def delete(self, request: Request, app_id: str, msg_id: str) -> Response:
        """Delete an event's payload; what is still to be delivered of it is cancelled."""
        event = get_event(tenant_of(request, app_id), msg_id)
        expunge.expunge_payload(event, actor=actor(request))
        return Response(status=204)


class BulkExpunge(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="message_bulk_expunge_content",
        tags=TAGS,
        request=BulkExpungeIn,
        responses=schemas.BulkExpungeOut,
    )
    def post(self, request: Request, app_id: str) -> Response:
        """Delete the payloads of some messages, by id or `eventId`."""
        tenant, wanted = tenant_of(request, app_id), BulkExpungeIn.read(request)["ids"]
        found = _found(tenant, wanted)
        unique = {event.id: event for event in found.values()}
        expunge.expunge_payloads(list(unique.values()), actor=actor(request))
        results = {name: "expunged" if name in found else "not-found" for name in wanted}
        return Response({"results": results})


class ExpungeAllContents(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="message_expunge_all_contents",
        tags=TAGS,
        request=None,
        responses={202: schemas.TaskOut},
    )
    def post(self, request: Request, app_id: str) -> Response:
        """Start to delete all payloads that the application has now."""
        purge = expunge.purge_payloads(tenant_of(request, app_id), actor=actor(request))
        return Response(purge_out(purge), status=202)


def _found(tenant: Tenant, names: list[str]) -> dict[str, Event]:
    found = {name: events.find(tenant.id, name) for name in dict.fromkeys(names)}
    return {name: event for name, event in found.items() if event is not None}
