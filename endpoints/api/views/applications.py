"""/app: the tenants of an organization."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import tenants
from endpoints.api.acting import actor, flag, refusals
from endpoints.api.authentication import caller
from endpoints.api.scoping import get_tenant
from endpoints.api.serializers.applications import ApplicationIn, ApplicationOut
from endpoints.api.serializers.pages import ITERATOR, LIMIT, ORDER, flag_parameter, page_of
from endpoints.api.views.replacing import find_for_put
from endpoints.models import Tenant
from webhooks_platform.api.errors import ApiError
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

CONFLICT = "An application with that id or uid already exists"
KEY = id_key(ids.TENANT)
TAGS = ["Application"]


class Applications(APIView):
    scopes = {"GET": "read", "POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="application_list",
        tags=TAGS,
        parameters=[LIMIT, ITERATOR, ORDER],
        responses=page_of(ApplicationOut),
    )
    def get(self, request: Request) -> Response:
        """List the applications, oldest first unless asked."""
        rows = Tenant.objects.filter(
            organization_id=caller(request).organization_id,
            deleted_at__isnull=True,
            is_operational=False,
        )
        page = paginate(request.query_params, rows, KEY, default_order="ascending")
        return Response(page.body(list(ApplicationOut(page.rows, many=True).data)))

    @extend_schema(
        operation_id="application_create",
        tags=TAGS,
        parameters=[flag_parameter("get_if_exists", "Answer 200 with the one of that uid.")],
        request=ApplicationIn,
        responses={201: ApplicationOut, 200: ApplicationOut},
    )
    def post(self, request: Request) -> Response:
        """Create an application; `get_if_exists=true` answers 200 with the one of that uid."""
        lenient = flag(request.query_params, "get_if_exists")
        body = ApplicationIn(data=request.data)
        body.is_valid(raise_exception=True)
        existing = _of_uid(request, body.validated_data["uid"]) if lenient else None
        if existing is not None:
            return Response(ApplicationOut(existing).data)
        try:
            return _create(request, body)
        except ApiError:
            # Of two that create it at once, the second finds what the first has made.
            existing = _of_uid(request, body.validated_data["uid"]) if lenient else None
            if existing is None:
                raise
            return Response(ApplicationOut(existing).data)


class Application(APIView):
    scopes = {"GET": "read", "PUT": "manage", "PATCH": "manage", "DELETE": "manage"}
    organization_methods = ("PUT", "PATCH", "DELETE")

    @extend_schema(operation_id="application_get", tags=TAGS, responses=ApplicationOut)
    def get(self, request: Request, app_id: str) -> Response:
        """Show an application."""
        return Response(ApplicationOut(get_tenant(caller(request), app_id)).data)

    @extend_schema(
        operation_id="application_upsert",
        tags=TAGS,
        request=ApplicationIn,
        responses={200: ApplicationOut, 201: ApplicationOut},
    )
    def put(self, request: Request, app_id: str) -> Response:
        """Replace an application, or create one; its uid is the body's, never the path's."""
        tenant = find_for_put(lambda: get_tenant(caller(request), app_id), ids.TENANT, app_id)
        body = ApplicationIn(data=request.data)
        body.is_valid(raise_exception=True)
        return _create(request, body) if tenant is None else _update(request, tenant, body)

    @extend_schema(
        operation_id="application_patch",
        tags=TAGS,
        request=ApplicationIn(partial=True),
        responses=ApplicationOut,
    )
    def patch(self, request: Request, app_id: str) -> Response:
        """Change an application; what is left out stays, null clears it."""
        tenant = get_tenant(caller(request), app_id)
        body = ApplicationIn(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        return _update(request, tenant, body)

    @extend_schema(operation_id="application_delete", tags=TAGS, responses={204: None})
    def delete(self, request: Request, app_id: str) -> Response:
        """Delete an application with its endpoints; what is still to be delivered is cancelled."""
        tenant = get_tenant(caller(request), app_id)
        with refusals():
            tenants.delete(tenant, actor=actor(request))
        return Response(status=204)


def _of_uid(request: Request, uid: str | None) -> Tenant | None:
    if uid is None:
        return None
    rows = Tenant.objects.filter(organization_id=caller(request).organization_id)
    return rows.filter(uid=uid, deleted_at__isnull=True).first()


def _create(request: Request, body: ApplicationIn) -> Response:
    with refusals(CONFLICT):
        organization_id = caller(request).organization_id
        tenant = tenants.create(organization_id, body.validated_data, actor=actor(request))
    return Response(ApplicationOut(tenant).data, status=201)


def _update(request: Request, tenant: Tenant, body: ApplicationIn) -> Response:
    with refusals(CONFLICT):
        tenant = tenants.update(tenant, body.validated_data, actor=actor(request))
    return Response(ApplicationOut(tenant).data)
