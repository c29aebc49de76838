"""From a path's id-or-uid to a row that the caller may see; for everyone else it is not there."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from endpoints.api.authentication import caller
from endpoints.models import Endpoint, Tenant
from endpoints.principals import Principal
from webhooks_platform.api.errors import not_found
from webhooks_platform.lib import ids

Row = TypeVar("Row", bound=Model)


def id_of(prefix: str, text: str) -> UUID | None:
    """Return the id in `text`, or None when it is no id of this kind (so perhaps a uid)."""
    try:
        return ids.from_text(prefix, text)
    except ids.MalformedIdError:
        return None


def get_by_id_or_uid(
    rows: QuerySet[Row], prefix: str, text: str, *, detail: str = "Entity not found"
) -> Row:
    """Return the row of `rows` with this id or uid; raise 404 if there is none."""
    # A uid never begins with the prefix of its kind, so text that does can only be an id.
    row = None
    if text.startswith(prefix):
        value = id_of(prefix, text)
        row = rows.filter(id=value).first() if value else None
    elif text and "\x00" not in text:
        row = rows.filter(uid=text).first()
    if row is None:
        raise not_found(detail)
    return row


def get_tenant(principal: Principal, text: str) -> Tenant:
    """Return the tenant that `{app_id}` names, inside what the caller's key reaches, or 404."""
    rows = Tenant.objects.filter(organization_id=principal.organization_id)
    rows = rows.filter(deleted_at__isnull=True, is_operational=False)
    if principal.tenant_id is not None:
        rows = rows.filter(id=principal.tenant_id)
    return get_by_id_or_uid(rows, ids.TENANT, text)


def named_endpoint(request: Request, app_id: str, endpoint_id: str) -> Endpoint:
    """Return the endpoint that a path names by its application and itself, or 404."""
    return get_endpoint(get_tenant(caller(request), app_id), endpoint_id)


def get_endpoint(tenant: Tenant, text: str, *, deleted: bool = False) -> Endpoint:
    """Return the tenant's endpoint that `{endpoint_id}` names, or 404.

    With `deleted` it may be a deleted one, which has no uid any more.
    """
    rows = Endpoint.objects.filter(tenant=tenant)
    if not deleted:
        rows = rows.filter(deleted_at__isnull=True)
    return get_by_id_or_uid(rows, ids.ENDPOINT, text)
