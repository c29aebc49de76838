"""What the pages of huge, read-only tables share: no counts, search by pasted id, links."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from deliveries.admin.showing import link
from endpoints.admin_scope import TenantModelAdmin, tenant_ids
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    SimpleListFilter = admin.SimpleListFilter
else:
    AnyPaginator = Paginator
    SimpleListFilter = admin.SimpleListFilter

#: Rows that a list can be paged through; older ones are found by their ids.
REACHABLE = 2000
#: Endpoints that a filter offers.
OFFERED = 30


class BoundedPaginator(AnyPaginator):
    """Counts no further than the rows it is willing to show."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:REACHABLE].count()


class HistoryAdmin(TenantModelAdmin):
    """Newest first, read-only, with links to tenant and endpoint.

    `finders` maps the prefix of a public id to the lookups that find rows by it; other text is
    taken for the `eventId` of an event.
    """

    paginator = BoundedPaginator
    ordering = ["-id"]
    list_display_links = ["wire_id"]
    # A sort by anything else than the id would read the whole table.
    sortable_by = ()
    # The box is shown only where there is something to search in.
    search_fields = ["id"]
    search_help_text = "An id (msg_…, dlv_…, ep_…, atmpt_…, app_…) or the eventId of an event"
    finders: dict[str, Callable[[UUID], dict[str, Any]]] = {}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the visible rows with their tenant's name and their endpoint's URL."""
        rows: QuerySet[Any] = self.model._default_manager.order_by(*self.ordering)
        if not cast(User, request.user).is_superuser:
            # The ids themselves, not a subquery: with one tenant its index gives the order.
            rows = rows.filter(tenant_id__in=list(tenant_ids(request)))
        return cast("QuerySet[Any]", rows.annotate(**self._names()))

    def _names(self) -> dict[str, Subquery]:
        tenant = Tenant.objects.filter(id=OuterRef("tenant_id"))
        names = {"tenant_name": Subquery(tenant.values("name"))}
        if any(field.name == "endpoint_id" for field in self.opts.concrete_fields):
            endpoint = Endpoint.objects.filter(id=OuterRef("endpoint_id"))
            names["endpoint_url"] = Subquery(endpoint.values("url"))
        return names

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        own = [getattr(item, "parameter_name", None) for item in self.list_filter]
        return lookup in own or super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        for prefix, finder in self.finders.items():
            if term.startswith(prefix):
                found = id_of(prefix, term)
                return (queryset.filter(**finder(found)) if found else queryset.none()), False
        return self.find_by_uid(request, queryset, term), False

    def find_by_uid(self, request: HttpRequest, queryset: QuerySet[Any], uid: str) -> QuerySet[Any]:
        """Return the rows of the events that tenants call `uid`."""
        return queryset.none()

    @admin.display(description="tenant")
    def tenant(self, row: Any) -> str:
        return link(Tenant, row.tenant_id, row.tenant_name, prefix=ids.TENANT)

    @admin.display(description="endpoint")
    def endpoint(self, row: Any) -> str:
        return link(Endpoint, row.endpoint_id, row.endpoint_url, prefix=ids.ENDPOINT)

    def visible_tenants(self, request: HttpRequest) -> Any:
        """Return the tenants whose rows the user sees, for a lookup by tenant and more."""
        if cast(User, request.user).is_superuser:
            return Tenant.objects.values("id")
        return list(tenant_ids(request))


class EndpointFilter(SimpleListFilter):
    """By one endpoint: the one named in the URL, or one of the user's first few."""

    title = "endpoint"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Endpoint.objects.filter(tenant_id__in=model_admin.visible_tenants(request))
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
