"""The one base of the admin's pages: who sees which rows, and who may do what with them.

Every model of ours is shown through it. What a user may do is asked of his Access; nothing else
decides, whatever the URL, filter, search or form says. Writing is closed unless a page opens it.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import ForeignKey, JSONField, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from endpoints.access import Access
from endpoints.admin.listing import ScopedChangeList
from endpoints.admin.tolerant import KnownSelect, StrictJSONField, are_keys
from endpoints.audit import Actor
from endpoints.models import Tenant
from endpoints.roles import Capability
from webhooks_platform.lib import ids

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    ChoiceField = forms.ModelChoiceField[Any]
    AnyPaginator = Paginator[Any]
else:
    # Django's own classes take no type arguments while they run.
    ModelAdmin, ChoiceField, AnyPaginator = admin.ModelAdmin, forms.ModelChoiceField, Paginator

#: What the links of a filter by a field add to its name.
_LOOKUPS = ("__exact", "__isnull")
#: Rows that a list can be paged through; older ones are found by filters and by their ids.
REACHABLE = 2000


def actor(request: HttpRequest) -> Actor:
    """Return the user as the audit log names him, with the request's id."""
    return Actor(request.user.get_username(), request.META.get("REQUEST_ID"))


def access(request: HttpRequest) -> Access:
    """Return what the user may do, read once a request."""
    found: Access | None = getattr(request, "_access", None)
    if found is None:
        found = Access.of(cast(User, request.user))
        request._access = found  # type: ignore[attr-defined]
    return found


def with_organization_as_text(request: HttpRequest, fields: Sequence[str]) -> list[str]:
    """Return a page's fields; only operators get a link to the organization's page."""
    if access(request).may(Capability.OPERATE):
        return list(fields)
    return ["organization_name" if name == "organization" else name for name in fields]


def _not_logged(*_: Any, **__: Any) -> None:
    """Stand for Django's log of changes."""


class BoundedPaginator(AnyPaginator):
    """Counts no further than the rows it is willing to show."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:REACHABLE].count()


class ScopedAdmin(ModelAdmin):
    """For operators only, and read-only, unless a page says otherwise."""

    show_full_result_count = False
    # Facets count whole tables.
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    formfield_overrides = {JSONField: {"form_class": StrictJSONField}}
    #: What it takes to see the page, and to change what it shows.
    sees = Capability.OPERATE
    changes: Capability | None = None
    #: Prefix of the model's ids on the wire, by which the search then finds a row.
    id_prefix: str | None = None

    def reaches(self, request: HttpRequest, row: Model | None, capability: Capability) -> bool:
        """Whether the user may do this with a row; without one, whether with any at all."""
        return request.user.is_active and access(request).may(capability)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.reaches(request, obj, self.sees)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.changes is not None and self.reaches(request, obj, self.changes)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_or_refuse(self, request: HttpRequest, object_id: str, capability: Capability) -> Any:
        """Return a row for a page of our own; 404 if the user may not see it, 403 if not do so."""
        row = self.get_object(request, str(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        if not self.reaches(request, row, capability):
            raise PermissionDenied
        return row

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ScopedChangeList]:
        return ScopedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.mark_for(request, [row])
        return row

    def mark_for(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Note on the rows who reads them, and whether their pages are closed to him.

        What is shown of a row knows no request, and shows text for a link that would be refused.
        """
        closed = self.closed_to(request, rows)
        for row in rows:
            row.reader, row.closed = access(request), row.pk in closed

    def closed_to(self, request: HttpRequest, rows: Sequence[Any]) -> frozenset[Any]:
        """Return the keys of the listed rows whose pages the user may not open."""
        return frozenset()

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what is offered as a filter: any other would tell hidden values bit by bit."""
        ending = next((end for end in _LOOKUPS if lookup.endswith(end)), None)
        own = [getattr(each, "parameter_name", None) for each in self.list_filter]
        return lookup in own or (
            ending is not None and lookup.removesuffix(ending) in self.list_filter
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\0", "")
        if self.id_prefix and term.startswith(self.id_prefix):
            try:
                return queryset.filter(pk=ids.from_text(self.id_prefix, term)), False
            except ids.MalformedIdError:
                return queryset.none(), False
        return super().get_search_results(request, queryset, term)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return no bulk deletion: rows end through their own pages, audited."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Begin an action; ticks that name no row at all are told, and nothing is done."""
        if are_keys(self.model, request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return super().response_action(request, *args, **kwargs)
        self.message_user(request, "What is selected is no row of the list.", messages.ERROR)
        return None

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ChoiceField | None:
        if db_field.name in self.autocomplete_fields:
            kwargs["widget"] = KnownSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Lead to what the audit log says about the row; Django's own log is not kept."""
        row = self.get_or_refuse(request, object_id, self.sees)
        query = urlencode({"q": self.audited_as(row)})
        return HttpResponseRedirect(f"{reverse('admin:endpoints_auditentry_changelist')}?{query}")

    def audited_as(self, row: Any) -> str:
        """Return the public id under which the audit log knows what was done with the row."""
        return self.wire_id(row)

    # The stages write the audit log; Django's own is left alone.
    log_addition = log_change = log_deletions = _not_logged  # type: ignore[assignment]

    @admin.display(description="id")
    def wire_id(self, row: Model) -> str:
        return ids.to_text(self.id_prefix, row.pk) if self.id_prefix else str(row.pk)


class TenantModelAdmin(ScopedAdmin):
    """For models whose rows belong to a tenant; `tenant_field` holds the tenant's id."""

    sees = Capability.READ
    tenant_field = "tenant_id"
    #: The field with the organization's id, if the rows have one; it spares a look at the tenants.
    organization_field: str | None = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.visible(request, super().get_queryset(request))

    def visible(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow rows to those that the user may see."""
        seer = access(request)
        if seer.is_operator:
            return rows
        organizations = seer.organization_ids(self.sees)
        # The ids themselves, not a subquery: with one tenant its index gives the order.
        own = Q(**{f"{self.tenant_field}__in": seer.tenant_ids(self.sees)})
        if not organizations:
            return rows.filter(own)
        if self.organization_field is not None:
            return rows.filter(own | Q(**{f"{self.organization_field}__in": organizations}))
        of_them = Tenant.objects.filter(organization_id__in=organizations).values("id")
        return rows.filter(own | Q(**{f"{self.tenant_field}__in": of_them}))

    def closed_to(self, request: HttpRequest, rows: Sequence[Any]) -> frozenset[Any]:
        """Return those of deleted tenants: support finds them in lists, operators open them."""
        if access(request).is_operator or not access(request).organization_ids():
            return frozenset()
        owners = {row.pk: getattr(row, self.tenant_field) for row in rows}
        gone = set(
            Tenant.objects.filter(
                id__in=set(owners.values()) - {None}, deleted_at__isnull=False
            ).values_list("id", flat=True)
        )
        return frozenset(key for key, owner in owners.items() if owner is None or owner in gone)

    def reaches(self, request: HttpRequest, row: Model | None, capability: Capability) -> bool:
        if row is None or not super().reaches(request, row, capability):
            return super().reaches(request, row, capability)
        return access(request).reaches(getattr(row, self.tenant_field), capability)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ChoiceField | None:
        """Offer, and take, only the tenants at which the user may change things."""
        if db_field.related_model is Tenant:
            kwargs["queryset"] = access(request).tenants(self.changes or Capability.OPERATE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
