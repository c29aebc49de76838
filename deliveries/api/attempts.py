"""Attempts: of an endpoint, of an event, and one alone."""

from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import expunge
from deliveries.api import schemas, wire_status
from deliveries.api.lookups import get_attempt, get_event, tenant_of
from deliveries.api.pages import read_page, shown_page
from deliveries.api.parameters import read_attempt_filter
from deliveries.models import Attempt
from deliveries.queries import attempts
from deliveries.queries.paging import Page
from endpoints.api.acting import actor
from endpoints.api.scoping import get_endpoint
from endpoints.models import Tenant
from webhooks_platform.api.bounded_reads import bounded
from webhooks_platform.api.pagination import id_key
from webhooks_platform.lib import ids

KEY = id_key(ids.ATTEMPT)
TAGS = ["Message Attempt"]
LIST = extend_schema(
    tags=TAGS,
    parameters=[*schemas.PAGE, *schemas.EVENT_FILTER, *schemas.ATTEMPT_FILTER],
    responses=schemas.page_of(schemas.MessageAttemptOut),
)
HIDDEN = extend_schema(exclude=True)


def attempt_out(attempt: Attempt, *, with_response: bool) -> dict[str, Any]:
    """Return an attempt as the wire shows it."""
    status = wire_status.of_attempt(attempt)
    return {
        "id": ids.to_text(ids.ATTEMPT, attempt.id),
        "url": attempt.url,
        "response": attempt.response if with_response else "",
        "responseStatusCode": attempt.status_code,
        # How long an attempt took whose worker died, nobody knows; the SDKs want a number.
        "responseDurationMs": attempt.duration_ms or 0,
        "status": status,
        "statusText": status.text,
        "triggerType": attempt.trigger,
        "msgId": ids.to_text(ids.EVENT, attempt.event_id),
        "endpointId": ids.to_text(ids.ENDPOINT, attempt.endpoint_id),
        "timestamp": ids.timestamp(attempt.id),
    }


class AttemptsOfEndpoint(APIView):
    scopes = {"GET": "read"}

    @extend_schema(operation_id="message_attempt_list_by_endpoint")
    @LIST
    @bounded
    def get(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """List the attempts made at an endpoint, newest first."""
        tenant = tenant_of(request, app_id)
        endpoint = get_endpoint(tenant, endpoint_id)
        wanted, page = read_attempt_filter(request.query_params), Page[Attempt]([], done=True)
        span = read_page(request.query_params, KEY)
        if wanted is not None:
            page = attempts.of_endpoint(tenant.id, endpoint.id, span.span, wanted, limit=span.limit)
        return _answer(page, with_response=wanted is None or wanted.with_response)


class AttemptsOfMessage(APIView):
    scopes = {"GET": "read"}

    @extend_schema(operation_id="message_attempt_list_by_msg", parameters=[schemas.ENDPOINT_ID])
    @LIST
    def get(self, request: Request, app_id: str, msg_id: str) -> Response:
        """List the attempts to deliver an event, newest first."""
        tenant, query = tenant_of(request, app_id), request.query_params
        return _of_message(tenant, msg_id, query.get("endpoint_id"), query)


@HIDDEN
class AttemptsOfMessageDeprecated(AttemptsOfMessage):
    """The same under svix's older path."""


@HIDDEN
class AttemptsOfDeliveryDeprecated(APIView):
    """The attempts of one event at one endpoint, under svix's older path."""

    scopes = {"GET": "read"}

    def get(self, request: Request, app_id: str, msg_id: str, endpoint_id: str) -> Response:
        tenant = tenant_of(request, app_id)
        return _of_message(tenant, msg_id, endpoint_id, request.query_params)


class MessageAttempt(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="message_attempt_get", tags=TAGS, responses=schemas.MessageAttemptOut
    )
    def get(self, request: Request, app_id: str, msg_id: str, attempt_id: str) -> Response:
        """Show one attempt."""
        event = get_event(tenant_of(request, app_id), msg_id)
        return Response(attempt_out(get_attempt(event, attempt_id), with_response=True))


class MessageAttemptContent(APIView):
    scopes = {"DELETE": "manage"}
    organization_methods = True

    @extend_schema(operation_id="message_attempt_expunge_content", tags=TAGS, responses={204: None})
    def delete(self, request: Request, app_id: str, msg_id: str, attempt_id: str) -> Response:
        """Delete what the receiver answered to an attempt."""
        event = get_event(tenant_of(request, app_id), msg_id)
        expunge.expunge_response(get_attempt(event, attempt_id), event, actor=actor(request))
        return Response(status=204)


def _of_message(tenant: Tenant, msg_id: str, endpoint_id: str | None, query: QueryDict) -> Response:
    event = get_event(tenant, msg_id)
    endpoint = get_endpoint(tenant, endpoint_id) if endpoint_id else None
    wanted, page = read_attempt_filter(query), Page[Attempt]([], done=True)
    span = read_page(query, KEY)
    if wanted is not None:
        page = attempts.of_event(
            event,
            span.span,
            wanted,
            limit=span.limit,
            endpoint_id=endpoint.id if endpoint else None,
        )
    return _answer(page, with_response=wanted is None or wanted.with_response)


def _answer(page: Page[Attempt], *, with_response: bool) -> Response:
    shown = [attempt_out(attempt, with_response=with_response) for attempt in page.rows]
    return Response(shown_page(page, KEY).body(shown))
