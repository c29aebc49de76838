"""Filters of lists by what the user may see: whatever else exists is neither shown nor counted."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from endpoints.admin.scope import access
from endpoints.models import Organization, Tenant
from webhooks_platform.lib import ids

if TYPE_CHECKING:
    SimpleListFilter = admin.SimpleListFilter
else:
    SimpleListFilter = admin.SimpleListFilter

#: Rows that a filter offers; others are reached by links and by their id in the URL.
OFFERED = 30


class OwnerFilter(SimpleListFilter):
    """By what rows belong to: the one named in the URL by its public id, or one of the first."""

    prefix: str
    #: The rows' field with its id.
    field: str

    def candidates(self, request: HttpRequest) -> QuerySet[Any]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = self.candidates(request)
        chosen = id_of(self.prefix, self.value() or "")
        named = rows.filter(id=chosen) if chosen else rows.none()
        found = {row.pk: self.name_of(row) for row in (*named, *rows.order_by("-id")[:OFFERED])}
        return [(ids.to_text(self.prefix, pk), name) for pk, name in found.items()]

    def name_of(self, row: Any) -> str:
        return str(row.name)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        chosen = id_of(self.prefix, self.value() or "")
        return queryset.filter(**{self.field: chosen}) if chosen else queryset.none()


class TenantFilter(OwnerFilter):
    title = parameter_name = "tenant"
    prefix, field = ids.TENANT, "tenant_id"

    def candidates(self, request: HttpRequest) -> QuerySet[Tenant]:
        return access(request).tenants()

    def name_of(self, row: Tenant) -> str:
        return row.uid or row.name


class OrganizationFilter(OwnerFilter):
    title = parameter_name = "organization"
    prefix, field = ids.ORGANIZATION, "organization_id"

    def candidates(self, request: HttpRequest) -> QuerySet[Organization]:
        rows = Organization.objects.all()
        seer = access(request)
        return rows if seer.is_operator else rows.filter(id__in=seer.organization_ids())


def id_of(prefix: str, text: str) -> UUID | None:
    """Return the id behind a pasted text, or None."""
    try:
        return ids.from_text(prefix, text)
    except ids.MalformedIdError:
        return None
