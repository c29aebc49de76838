"""What the pages of huge, read-only tables share: no counts, search by pasted id, links."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from deliveries.admin.showing import link
from endpoints.admin.filters import OwnerFilter, id_of
from endpoints.admin.links import page_of
from endpoints.admin.scope import TenantModelAdmin, access
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids

Finder = Callable[[UUID], dict[str, Any]]


class HistoryAdmin(TenantModelAdmin):
    """Newest first, read-only, with links to tenant and endpoint.

    `finders` maps the prefix of a public id to the lookups that find rows by it; other text is
    taken for the `eventId` of an event.
    """

    ordering = ["-id"]
    list_display_links = ["wire_id"]
    # A sort by anything else than the id would read the whole table.
    sortable_by = ()
    # The box is shown only where there is something to search in.
    search_fields = ["id"]
    finders: dict[str, Finder] = {}
    knows_uids = True

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        known = ", ".join(f"{prefix}…" for prefix in self.finders)
        return f"An id ({known})" + (" or the eventId of an event" if self.knows_uids else "")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the visible rows with their tenant's name and their endpoint's URL."""
        rows: QuerySet[Any] = self.model._default_manager.order_by(*self.ordering)
        named: QuerySet[Any] = self.visible(request, rows).annotate(**self._names())
        return named

    def _names(self) -> dict[str, Subquery]:
        tenant = Tenant.objects.filter(id=OuterRef("tenant_id"))
        names = {
            "tenant_name": Subquery(tenant.values("name")),
            "tenant_deleted_at": Subquery(tenant.values("deleted_at")),
        }
        if any(field.name == "endpoint_id" for field in self.opts.concrete_fields):
            endpoint = Endpoint.objects.filter(id=OuterRef("endpoint_id"))
            names["endpoint_uid"] = Subquery(endpoint.values("uid"))
            names["endpoint_url"] = Subquery(endpoint.values("url"))
            names["endpoint_deleted_at"] = Subquery(endpoint.values("deleted_at"))
        return names

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        for prefix, finder in self.finders.items():
            if term.startswith(prefix):
                found = id_of(prefix, term)
                return (queryset.filter(**finder(found)) if found else queryset.none()), False
        if page_of(term) is not None:
            return queryset.none(), False
        return self.find_by_uid(request, queryset, term), False

    def find_by_uid(self, request: HttpRequest, queryset: QuerySet[Any], uid: str) -> QuerySet[Any]:
        """Return the rows of the events that tenants call `uid`."""
        return queryset.none()

    @admin.display(description="tenant")
    def tenant(self, row: Any) -> str:
        """Return the tenant, with a link unless it was deleted and has no page any more."""
        if row.tenant_deleted_at is not None:
            return f"{row.tenant_name} (deleted)"
        return link(Tenant, row.tenant_id, row.tenant_name, prefix=ids.TENANT)

    @admin.display(description="endpoint")
    def endpoint(self, row: Any) -> str:
        if row.endpoint_deleted_at is not None:
            return f"{endpoint_name(row)} (deleted)"
        return link(Endpoint, row.endpoint_id, endpoint_name(row), prefix=ids.ENDPOINT)

    def visible_tenants(self, request: HttpRequest) -> Any:
        """Return the tenants whose rows the user sees, for a lookup by tenant and more."""
        return access(request).tenants().values("id")


#: Characters of a URL that a list has room for.
URL_SHOWN = 40


def endpoint_name(row: Any) -> str | None:
    """Return an endpoint's uid, or its URL without what a list has no room for."""
    url: str | None = row.endpoint_url
    if row.endpoint_uid or url is None:
        return row.endpoint_uid or None
    short = url.removeprefix("https://")
    return short if len(short) <= URL_SHOWN else f"{short[:URL_SHOWN]}…"


class EndpointFilter(OwnerFilter):
    """Deleted endpoints too: their history stays."""

    title = parameter_name = "endpoint"
    prefix, field = ids.ENDPOINT, "endpoint_id"

    def candidates(self, request: HttpRequest) -> QuerySet[Endpoint]:
        own = access(request).tenants().values("id")
        return Endpoint.objects.filter(tenant__in=own).select_related("tenant")

    def name_of(self, row: Endpoint) -> str:
        return f"{row.tenant.uid or row.tenant.name} · {row.uid or row.url}"
