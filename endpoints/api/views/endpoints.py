"""/app/{app_id}/endpoint: the receivers of a tenant."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import event_types, lifecycle
from endpoints.api.acting import actor, refusals
from endpoints.api.authentication import caller
from endpoints.api.scoping import get_endpoint, get_tenant
from endpoints.api.serializers.endpoints import EndpointIn, EndpointOut, EndpointUpdate
from endpoints.api.serializers.pages import ITERATOR, LIMIT, ORDER, page_of
from endpoints.api.views.replacing import find_for_put
from endpoints.models import Endpoint as EndpointRow
from endpoints.models import Tenant
from webhooks_platform.api.errors import FieldError
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

CONFLICT = "An endpoint with that id or uid already exists"
KEY = id_key(ids.ENDPOINT)
TAGS = ["Endpoint"]


class Endpoints(APIView):
    scopes = {"GET": "read", "POST": "manage"}

    @extend_schema(
        operation_id="endpoint_list",
        tags=TAGS,
        parameters=[LIMIT, ITERATOR, ORDER],
        responses=page_of(EndpointOut),
    )
    def get(self, request: Request, app_id: str) -> Response:
        """List an application's endpoints, newest first unless asked."""
        tenant = get_tenant(caller(request), app_id)
        rows = EndpointRow.objects.filter(tenant=tenant, deleted_at__isnull=True)
        page = paginate(request.query_params, rows, KEY)
        return Response(page.body(list(EndpointOut(page.rows, many=True).data)))

    @extend_schema(
        operation_id="endpoint_create", tags=TAGS, request=EndpointIn, responses={201: EndpointOut}
    )
    def post(self, request: Request, app_id: str) -> Response:
        """Create an endpoint; it gets messages published from now on."""
        tenant = get_tenant(caller(request), app_id)
        return _create(request, tenant, EndpointIn(data=request.data))


class Endpoint(APIView):
    scopes = {"GET": "read", "PUT": "manage", "PATCH": "manage", "DELETE": "manage"}

    @extend_schema(operation_id="endpoint_get", tags=TAGS, responses=EndpointOut)
    def get(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Show an endpoint."""
        tenant = get_tenant(caller(request), app_id)
        return Response(EndpointOut(get_endpoint(tenant, endpoint_id)).data)

    @extend_schema(
        operation_id="endpoint_upsert",
        tags=TAGS,
        request=EndpointUpdate,
        responses={200: EndpointOut, 201: EndpointOut},
    )
    def put(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Replace an endpoint, or create one; its uid is the body's, never the path's."""
        tenant = get_tenant(caller(request), app_id)
        endpoint = find_for_put(
            lambda: get_endpoint(tenant, endpoint_id), ids.ENDPOINT, endpoint_id
        )
        body = EndpointUpdate(data=request.data)
        if endpoint is None:
            return _create(request, tenant, body)
        return _update(request, tenant, endpoint, body)

    @extend_schema(
        operation_id="endpoint_patch",
        tags=TAGS,
        request=EndpointUpdate(partial=True),
        responses=EndpointOut,
    )
    def patch(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Change an endpoint; what is left out stays, and its pending messages follow."""
        tenant = get_tenant(caller(request), app_id)
        endpoint = get_endpoint(tenant, endpoint_id)
        return _update(request, tenant, endpoint, EndpointUpdate(data=request.data, partial=True))

    @extend_schema(operation_id="endpoint_delete", tags=TAGS, responses={204: None})
    def delete(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Delete an endpoint; what is still to be delivered to it is cancelled."""
        endpoint = get_endpoint(get_tenant(caller(request), app_id), endpoint_id)
        with refusals():
            lifecycle.delete(endpoint, actor=actor(request))
        return Response(status=204)


def _create(request: Request, tenant: Tenant, body: EndpointUpdate) -> Response:
    values = _checked(tenant, body, known=())
    secret, headers = values.pop("secret", None), values.pop("headers", {})
    with refusals(CONFLICT):
        endpoint = lifecycle.create(
            tenant,
            values,  # type: ignore[arg-type]  # The serializer's sources are EndpointValues.
            secret=secret,
            headers=list(headers.items()),
            actor=actor(request),
        )
    return Response(EndpointOut(endpoint).data, status=201)


def _update(
    request: Request, tenant: Tenant, endpoint: EndpointRow, body: EndpointUpdate
) -> Response:
    values = _checked(tenant, body, known=endpoint.event_types or ())
    with refusals(CONFLICT):
        endpoint = lifecycle.update(
            endpoint,
            values,  # type: ignore[arg-type]  # As above.
            actor=actor(request),
        )
    return Response(EndpointOut(endpoint).data)


def _checked(tenant: Tenant, body: EndpointUpdate, *, known: Any) -> dict[str, Any]:
    """Return the body's values; those in `known` may stay although archived since."""
    body.is_valid(raise_exception=True)
    values: dict[str, Any] = body.validated_data
    wanted = [name for name in values.get("event_types") or () if name not in known]
    missing = event_types.missing(tenant.organization_id, wanted)
    if missing:
        message = f"The following event types don't exist: {', '.join(missing)}"
        raise FieldError.at("body", "eventTypes", message=message)
    return values
