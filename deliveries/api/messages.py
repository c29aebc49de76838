"""/app/{app_id}/msg: what was published, and taking its content back."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import expunge, fan_out
from deliveries.api import event_out, schemas
from deliveries.api.lookups import get_event, tenant_of
from deliveries.api.pages import read_page, shown_page
from deliveries.api.parameters import read_event_filter, with_content
from deliveries.api.serializers import PrecheckIn
from deliveries.queries import events
from endpoints.api.acting import actor
from webhooks_platform.api.bounded_reads import bounded
from webhooks_platform.api.errors import conflict
from webhooks_platform.api.pagination import id_key
from webhooks_platform.lib import ids

KEY = id_key(ids.EVENT)
TAGS = ["Message"]


class Messages(APIView):
    scopes = {"GET": "read"}

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Name what the publish door answers on this path too."""
        return {**super().default_response_headers, "Allow": "GET, POST, HEAD, OPTIONS"}

    @extend_schema(
        operation_id="message_list",
        tags=TAGS,
        parameters=[*schemas.PAGE, *schemas.EVENT_FILTER, schemas.WITH_CONTENT],
        responses=schemas.page_of(schemas.MessageOut),
    )
    @bounded
    def get(self, request: Request, app_id: str) -> Response:
        """List events, newest first: at most 90 days a page."""
        tenant, query = tenant_of(request, app_id), request.query_params
        wanted, with_payload = read_page(query, KEY), with_content(query)
        found = events.listed(
            tenant.id,
            wanted.span,
            read_event_filter(query),
            limit=wanted.limit,
            with_payload=with_payload,
        )
        shown = [event_out.shown(event, with_payload=with_payload) for event in found.rows]
        return Response(shown_page(found, KEY).body(shown))


class Message(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="message_get",
        tags=TAGS,
        parameters=[schemas.WITH_CONTENT],
        responses=schemas.MessageOut,
    )
    def get(self, request: Request, app_id: str, msg_id: str) -> Response:
        """Show one event."""
        with_payload = with_content(request.query_params)
        tenant = tenant_of(request, app_id)
        event = get_event(tenant, msg_id, with_payload=with_payload)
        return Response(event_out.shown(event, with_payload=with_payload))


class MessageCancel(APIView):
    scopes = {"POST": "publish"}

    @extend_schema(
        operation_id="message_cancel", tags=TAGS, request=None, responses={200: schemas.CancelOut}
    )
    def post(self, request: Request, app_id: str, msg_id: str) -> Response:
        """Cancel what is still to be delivered of an event; its payload stays.

        An attempt under way is the last one. 409 if nothing waits.
        """
        event = get_event(tenant_of(request, app_id), msg_id)
        try:
            cancelled = expunge.cancel(event, actor=actor(request))
        except expunge.NothingOpenError as error:
            raise conflict(str(error)) from None
        return Response({"cancelled": cancelled.ended, "underWay": cancelled.under_way})


class Precheck(APIView):
    scopes = {"POST": "publish"}

    @extend_schema(
        operation_id="message_precheck",
        tags=TAGS,
        request=PrecheckIn,
        responses=schemas.PrecheckOut,
    )
    def post(self, request: Request, app_id: str) -> Response:
        """Tell whether an enabled endpoint would get such a message now."""
        tenant, wanted = tenant_of(request, app_id), PrecheckIn.read(request)
        active = fan_out.is_wanted(tenant.id, wanted["eventType"], wanted["channels"])
        return Response({"active": active})
