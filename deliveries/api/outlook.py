"""/app/{app_id}/msg/{msg_id}/delivery: what happens next to an event's deliveries, and why."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries.api import schemas
from deliveries.api.lookups import get_event, tenant_of
from deliveries.models import Delivery, DeliveryStatus, Event
from deliveries.queries import deliveries
from deliveries.queries.outlook import Outlook
from endpoints.api.between import read_time
from endpoints.api.serializers.pages import ORDER
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

KEY = id_key(ids.ENDPOINT, "endpoint_id")


def delivery_out(delivery: Delivery, outlook: Outlook) -> dict[str, Any]:
    """Return a delivery as the wire shows it."""
    letter = outlook.letters.get(delivery.id)
    return {
        "endpointId": ids.to_text(ids.ENDPOINT, delivery.endpoint_id),
        "status": DeliveryStatus(delivery.status).name.lower(),
        "attempts": delivery.attempts,
        "nextAttempt": outlook.next_attempt(delivery),
        "lastStatusCode": delivery.last_status_code,
        "lastError": delivery.last_error,
        "waitingFor": outlook.waiting_for(delivery),
        "deadLetterId": letter and ids.to_text(ids.DEAD_LETTER, letter),
    }


class MessageDeliveries(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="message_list_deliveries",
        tags=["Message"],
        parameters=[*schemas.PAGE, ORDER],
        responses=schemas.page_of(schemas.DeliveryOut),
    )
    def get(self, request: Request, app_id: str, msg_id: str) -> Response:
        """List an event's deliveries by endpoint: where each stands, and what it waits for."""
        tenant = tenant_of(request, app_id)
        rows = _within(request.query_params, get_event(tenant, msg_id))
        page = paginate(request.query_params, rows, KEY, default_order="ascending")
        outlook = Outlook.of(page.rows)
        return Response(page.body([delivery_out(row, outlook) for row in page.rows]))


def _within(query: QueryDict, event: Event) -> QuerySet[Delivery]:
    """Return the event's deliveries, which were made with it, if that is between the bounds."""
    rows = deliveries.of_event(event.tenant_id, event.id)
    before, after = read_time(query, "before"), read_time(query, "after")
    made = ids.timestamp(event.id)
    outside = (before and made >= before) or (after and made <= after)
    return rows.none() if outside else rows
