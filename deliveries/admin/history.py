"""What the pages of huge, read-only tables share: no counts, search by pasted id, links."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from deliveries.admin.showing import link
from endpoints.admin.links import page_of
from endpoints.admin.scope import TenantModelAdmin, access
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids

if TYPE_CHECKING:
    SimpleListFilter = admin.SimpleListFilter
else:
    SimpleListFilter = admin.SimpleListFilter

#: Endpoints that a filter offers.
OFFERED = 30

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

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        known = ", ".join(f"{prefix}…" for prefix in self.finders)
        return f"An id ({known}) or the eventId of an event"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the visible rows with their tenant's name and their endpoint's URL."""
        rows: QuerySet[Any] = self.model._default_manager.order_by(*self.ordering)
        named: QuerySet[Any] = self.visible(request, rows).annotate(**self._names())
        return named

    def _names(self) -> dict[str, Subquery]:
        tenant = Tenant.objects.filter(id=OuterRef("tenant_id"))
        names = {"tenant_name": Subquery(tenant.values("name"))}
        if any(field.name == "endpoint_id" for field in self.opts.concrete_fields):
            endpoint = Endpoint.objects.filter(id=OuterRef("endpoint_id"))
            names["endpoint_uid"] = Subquery(endpoint.values("uid"))
            names["endpoint_url"] = Subquery(endpoint.values("url"))
        return names

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        own = [getattr(item, "parameter_name", None) for item in self.list_filter]
        return lookup in own or super().lookup_allowed(lookup, value, request)

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
        return link(Tenant, row.tenant_id, row.tenant_name, prefix=ids.TENANT)

    @admin.display(description="endpoint")
    def endpoint(self, row: Any) -> str:
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


class EndpointFilter(SimpleListFilter):
    """By one endpoint: the one named in the URL, or one of the user's first few."""

    title = "endpoint"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Endpoint.objects.filter(tenant__in=model_admin.visible_tenants(request))
        chosen = id_of(ids.ENDPOINT, self.value() or "")
        named = rows.filter(id=chosen) if chosen else rows.none()
        offered = [*named, *rows.filter(deleted_at=None).order_by("-id")[:OFFERED]]
        names = {ids.to_text(ids.ENDPOINT, row.id): row.uid or row.url for row in offered}
        return list(names.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        chosen = id_of(ids.ENDPOINT, self.value() or "")
        return queryset.filter(endpoint_id=chosen) if chosen else queryset.none()


def id_of(prefix: str, text: str) -> UUID | None:
    """Return the id behind a pasted text, or None."""
    try:
        return ids.from_text(prefix, text)
    except ids.MalformedIdError:
        return None
