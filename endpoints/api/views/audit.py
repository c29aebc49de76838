"""/audit and /app/{app_id}/audit: who changed and decided what."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints.api.authentication import caller
from endpoints.api.between import AFTER, BEFORE, read_between
from endpoints.api.scoping import get_tenant
from endpoints.api.serializers.api_keys import AuditEntryOut
from endpoints.api.serializers.pages import ITERATOR, LIMIT, ORDER, page_of
from endpoints.models import AuditEntry
from webhooks_platform.api.bounded_reads import bounded
from webhooks_platform.api.errors import forbidden
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

KEY = id_key(ids.AUDIT_ENTRY)
PARAMETERS = [LIMIT, ITERATOR, ORDER, BEFORE, AFTER]
PAGE = page_of(AuditEntryOut)
TAGS = ["Audit"]


def _answer(request: Request, rows: QuerySet[AuditEntry]) -> Response:
    query = request.query_params
    page = paginate(query, read_between(query, rows, "at"), KEY)
    return Response(page.body(list(AuditEntryOut(page.rows, many=True).data)))


class Audit(APIView):
    scopes = {"GET": "read"}
    organization_methods = True

    @extend_schema(
        operation_id="audit_list",
        tags=TAGS,
        parameters=PARAMETERS,
        responses=PAGE,
    )
    @bounded
    def get(self, request: Request) -> Response:
        """List the changes and decisions of the whole organization, newest first."""
        organization_id = caller(request).organization_id
        return _answer(request, AuditEntry.objects.filter(organization_id=organization_id))


class AuditOfApplication(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="application_audit_list",
        tags=TAGS,
        parameters=PARAMETERS,
        responses=PAGE,
    )
    @bounded
    def get(self, request: Request, app_id: str) -> Response:
        """List the changes and decisions that concern an application, newest first."""
        if caller(request).is_portal:
            raise forbidden("A token of the app portal cannot read the audit log.")
        tenant = get_tenant(caller(request), app_id)
        return _answer(request, AuditEntry.objects.filter(tenant_id=tenant.id))
