"""Events by endpoint and endpoints by event, what happens next to each, and resending."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import replay
from deliveries.api import event_out, schemas, wire_status
from deliveries.api.lookups import get_event, tenant_of
from deliveries.api.pages import read_page, shown_page
from deliveries.api.parameters import read_event_filter, read_status, with_content
from deliveries.api.refusing import refusals
from deliveries.models import Delivery
from deliveries.queries import deliveries, events
from deliveries.queries.outlook import due_at
from endpoints.api.acting import actor
from endpoints.api.scoping import get_endpoint
from endpoints.api.serializers.endpoints import EndpointOut
from endpoints.api.serializers.pages import ITERATOR, LIMIT
from endpoints.models import Endpoint
from webhooks_platform.api.bounded_reads import bounded
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

TAGS = ["Message Attempt"]
BY_EVENT = id_key(ids.EVENT, "event_id")
BY_ENDPOINT = id_key(ids.ENDPOINT, "endpoint_id")


def status_out(delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Return the part that attempted messages and attempted destinations share."""
    status = wire_status.of_delivery(delivery)
    return {
        "status": status,
        "statusText": status.text,
        "nextAttempt": due_at(delivery, now),
    }


class AttemptedMessages(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="message_attempt_list_attempted_messages",
        tags=TAGS,
        parameters=[*schemas.PAGE, *schemas.EVENT_FILTER, schemas.STATUS, schemas.WITH_CONTENT],
        responses=schemas.page_of(schemas.EndpointMessageOut),
    )
    @bounded
    def get(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """List the events of which a delivery to the endpoint was attempted, newest first."""
        tenant, query = tenant_of(request, app_id), request.query_params
        endpoint = get_endpoint(tenant, endpoint_id)
        span, status = read_page(query, BY_EVENT), read_status(query)
        page = deliveries.attempted_of_endpoint(
            tenant.id,
            endpoint.id,
            span.span,
            limit=span.limit,
            statuses=None if status is None else wire_status.SELECTED[status],
            wanted=read_event_filter(query),
        )
        shown = _messages(page.rows, with_payload=with_content(query))
        return Response(shown_page(page, BY_EVENT).body(shown))


def _messages(rows: list[Delivery], *, with_payload: bool) -> list[Any]:
    """Return the EndpointMessageOut of each delivery whose event is still kept."""
    now = timezone.now()
    known = events.by_id({row.event_id for row in rows}, with_payload=with_payload)
    return [
        event_out.shown_with(known[row.event_id], status_out(row, now), with_payload=with_payload)
        for row in rows
        if row.event_id in known
    ]


class AttemptedDestinations(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="message_attempt_list_attempted_destinations",
        tags=TAGS,
        parameters=[LIMIT, ITERATOR],
        responses=schemas.page_of(schemas.MessageEndpointOut),
    )
    def get(self, request: Request, app_id: str, msg_id: str) -> Response:
        """List the endpoints to which a delivery was attempted, deleted ones included."""
        tenant = tenant_of(request, app_id)
        rows = deliveries.attempted_of_event(tenant.id, get_event(tenant, msg_id).id)
        page = paginate(
            request.query_params, rows, BY_ENDPOINT, default_order="ascending", fixed_order=True
        )
        known = Endpoint.objects.filter(tenant=tenant).in_bulk(
            [row.endpoint_id for row in page.rows]
        )
        now = timezone.now()
        shown = [
            EndpointOut(known[row.endpoint_id]).data | status_out(row, now) for row in page.rows
        ]
        return Response(page.body(shown))


class Resend(APIView):
    scopes = {"POST": "replay"}

    @extend_schema(
        operation_id="message_attempt_resend",
        tags=TAGS,
        request=None,
        responses={202: schemas.Empty},
    )
    def post(self, request: Request, app_id: str, msg_id: str, endpoint_id: str) -> Response:
        """Attempt a delivery once more, by hand and at once, whatever the endpoint's filters say.

        A pending automatic retry stays as it is if this attempt fails. An expired payload is
        400; a disabled endpoint is 422, since nothing would be sent to it.
        """
        tenant = tenant_of(request, app_id)
        event, endpoint = get_event(tenant, msg_id), get_endpoint(tenant, endpoint_id)
        with refusals("endpoint_id"):
            replay.resend(event, endpoint, actor=actor(request))
        return Response({}, status=202)
