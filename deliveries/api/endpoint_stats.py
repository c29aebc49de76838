"""An endpoint's statistics, and an example sent to it; both as svix has them."""

from datetime import datetime, timedelta

from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import test_events
from deliveries.api import event_out, schemas
from deliveries.api.lookups import tenant_of
from deliveries.api.refusing import refusals
from deliveries.api.serializers import ExampleIn
from deliveries.queries import statistics
from deliveries.test_events import NoExampleError
from endpoints.api.acting import actor
from endpoints.api.between import read_time
from endpoints.api.scoping import get_endpoint
from webhooks_platform.api.bounded_reads import bounded
from webhooks_platform.api.errors import ApiError
from webhooks_platform.lib import ids

#: svix's longest window, with its five minutes for clocks; the default ends now.
WINDOW = timedelta(days=28)
SLACK = timedelta(minutes=5)
TAGS = ["Endpoint"]


SPAN = [
    schemas.parameter("since", str, "RFC 3339; 28 days before `until` unless given."),
    schemas.parameter("until", str, "RFC 3339; now unless given."),
]


class EndpointStats(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="endpoint_get_stats",
        tags=TAGS,
        parameters=SPAN,
        responses=schemas.EndpointStats,
    )
    @bounded
    def get(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Count an endpoint's attempts, and what is open, in at most 28 days."""
        endpoint = get_endpoint(tenant_of(request, app_id), endpoint_id)
        counts = statistics.of_endpoint(endpoint.id, *_window(request.query_params))
        return Response(counts._asdict())


class EndpointAttemptStats(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="endpoint_get_attempt_stats",
        tags=TAGS,
        parameters=SPAN,
        responses=schemas.EndpointAttemptStats,
    )
    @bounded
    def get(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Count an endpoint's attempts, and what was cancelled, in at most 28 days."""
        endpoint = get_endpoint(tenant_of(request, app_id), endpoint_id)
        counts = statistics.attempts_of_endpoint(endpoint.id, *_window(request.query_params))
        return Response(counts._asdict())


def _window(query: QueryDict) -> tuple[datetime, datetime]:
    now = timezone.now()
    until = read_time(query, "until") or now
    # Nothing happened before 1970, and the year 1 has no 28 days before it.
    since = read_time(query, "since") or until - min(WINDOW, max(until - ids.EPOCH, timedelta()))
    if until > now + SLACK or not timedelta() <= until - since <= WINDOW + SLACK:
        raise ApiError(400, "invalid_range", "A window ends by now and has at most 28 days.")
    return since, until


class SendExample(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="endpoint_send_example",
        tags=TAGS,
        request=ExampleIn,
        responses=schemas.MessageOut,
    )
    def post(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Send an example of an event type to this endpoint alone, whatever its filters say."""
        endpoint = get_endpoint(tenant_of(request, app_id), endpoint_id)
        wanted = ExampleIn.read(request)
        try:
            with refusals("endpoint_id"):
                event = test_events.send(
                    endpoint,
                    wanted["eventType"],
                    actor=actor(request),
                    must_exist=True,
                    index=wanted["exampleIndex"] or 0,
                )
        except NoExampleError as error:
            raise ApiError(400, "invalid_scheme", str(error)) from None
        return Response(event_out.shown(event, with_payload=True))
