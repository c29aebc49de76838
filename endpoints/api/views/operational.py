"""/operational-webhook/endpoint: where an organization hears of its tenants' webhooks."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import lifecycle, operational
from endpoints.api.acting import actor, refusals
from endpoints.api.authentication import caller
from endpoints.api.scoping import get_endpoint
from endpoints.api.serializers.endpoints import EndpointUpdate
from endpoints.api.serializers.operational import (
    OperationalEndpointIn,
    OperationalEndpointOut,
    OperationalEndpointUpdate,
)
from endpoints.api.serializers.pages import ITERATOR, LIMIT, ORDER, page_of
from endpoints.api.views.endpoints import CONFLICT, KEY
from endpoints.api.views.replacing import find_for_put
from endpoints.models import Endpoint
from webhooks_platform.api.errors import not_found
from webhooks_platform.api.pagination import paginate
from webhooks_platform.lib import ids

TAGS = ["Operational Webhook Endpoint"]


class OperationalEndpoints(APIView):
    scopes = {"GET": "read", "POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="operational_webhook_endpoint_list",
        tags=TAGS,
        parameters=[LIMIT, ITERATOR, ORDER],
        responses=page_of(OperationalEndpointOut),
    )
    def get(self, request: Request) -> Response:
        """List the organization's operational endpoints, newest first."""
        tenant = operational.find(caller(request).organization_id)
        rows = Endpoint.objects.filter(tenant=tenant, deleted_at__isnull=True)
        page = paginate(request.query_params, rows if tenant else rows.none(), KEY)
        return Response(page.body(list(OperationalEndpointOut(page.rows, many=True).data)))

    @extend_schema(
        operation_id="operational_webhook_endpoint_create",
        tags=TAGS,
        request=OperationalEndpointIn,
        responses={201: OperationalEndpointOut},
    )
    def post(self, request: Request) -> Response:
        """Create an operational endpoint; it hears of what happens from then on."""
        return _create(request, OperationalEndpointIn(data=request.data))


class OperationalEndpoint(APIView):
    scopes = {"GET": "read", "PUT": "manage", "DELETE": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="operational_webhook_endpoint_get",
        tags=TAGS,
        responses=OperationalEndpointOut,
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Show one operational endpoint."""
        return Response(OperationalEndpointOut(get_operational(request, endpoint_id)).data)

    @extend_schema(
        operation_id="operational_webhook_endpoint_upsert",
        tags=TAGS,
        request=OperationalEndpointUpdate,
        responses={200: OperationalEndpointOut, 201: OperationalEndpointOut},
    )
    def put(self, request: Request, endpoint_id: str) -> Response:
        """Replace an operational endpoint, or create one; its uid is the body's."""
        endpoint = find_for_put(
            lambda: get_operational(request, endpoint_id), ids.ENDPOINT, endpoint_id
        )
        body = OperationalEndpointUpdate(data=request.data)
        if endpoint is None:
            return _create(request, body)
        body.is_valid(raise_exception=True)
        with refusals(CONFLICT):
            endpoint = lifecycle.update(endpoint, body.validated_data, actor=actor(request))
        return Response(OperationalEndpointOut(endpoint).data)

    @extend_schema(
        operation_id="operational_webhook_endpoint_delete", tags=TAGS, responses={204: None}
    )
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Delete an operational endpoint; what is still to be delivered to it is cancelled."""
        endpoint = get_operational(request, endpoint_id)
        with refusals():
            lifecycle.delete(endpoint, actor=actor(request))
        return Response(status=204)


def get_operational(request: Request, endpoint_id: str) -> Endpoint:
    """Return the operational endpoint that the path names by id or uid, or 404."""
    tenant = operational.find(caller(request).organization_id)
    if tenant is None:
        raise not_found()
    return get_endpoint(tenant, endpoint_id)


def _create(request: Request, body: EndpointUpdate) -> Response:
    body.is_valid(raise_exception=True)
    values = body.validated_data
    secret, headers = values.pop("secret", None), values.pop("headers", {})
    by = actor(request)
    with refusals(CONFLICT):
        endpoint = lifecycle.create(
            operational.find_or_create(caller(request).organization_id, actor=by),
            values,
            secret=secret,
            headers=list(headers.items()),
            actor=by,
        )
    return Response(OperationalEndpointOut(endpoint).data, status=201)
