"""The one base of the admin's pages: who sees which rows. Every model that belongs to a tenant
is shown through it.

A superuser sees everything. A member of staff with memberships sees the rows of those tenants,
and nothing of any other, whatever the URL, filter, search or form says. Writing is closed unless
a page opens it. Secrets and headers are on no page.
"""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

from endpoints.audit import Actor
from endpoints.models import Membership, Tenant
from webhooks_platform.lib import ids

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    ChoiceField = forms.ModelChoiceField[Any]
else:
    # Django's own classes take no type arguments while they run.
    ModelAdmin, ChoiceField = admin.ModelAdmin, forms.ModelChoiceField

#: What a filter in the query string may add to the name of a filtered field.
_LOOKUPS = ("__exact", "__isnull", "__gte", "__gt", "__lte", "__lt")


def actor(request: HttpRequest) -> Actor:
    """Return the user as the audit log names him, with the request's id."""
    return Actor(request.user.get_username(), request.META.get("REQUEST_ID"))


def tenant_ids(request: HttpRequest) -> QuerySet[Membership, UUID]:
    """Return the tenants that the user is a member of and that still exist."""
    memberships = Membership.objects.filter(
        user=cast(User, request.user), tenant__deleted_at__isnull=True
    )
    return memberships.values_list("tenant_id", flat=True)


class ScopedAdmin(ModelAdmin):
    """For superusers only, and read-only, unless a page says otherwise."""

    show_full_result_count = False
    list_per_page = 50
    #: Prefix of the model's ids on the wire, by which the search then finds a row.
    id_prefix: str | None = None

    def is_open_to(self, request: HttpRequest) -> bool:
        """Whether the user may come to this page at all."""
        return bool(cast(User, request.user).is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and self.is_open_to(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return (
            request.user.is_active and self.is_open_to(request) and self._is_visible(request, obj)
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _is_visible(self, request: HttpRequest, obj: Model | None) -> bool:
        return True

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what is offered as a filter: any other would tell hidden values bit by bit."""
        ending = next((end for end in _LOOKUPS if lookup.endswith(end)), "")
        return lookup.removesuffix(ending) in self.list_filter

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if self.id_prefix and term.startswith(self.id_prefix):
            try:
                return queryset.filter(pk=ids.from_text(self.id_prefix, term)), False
            except ids.MalformedIdError:
                return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return no bulk deletion: rows end through their own pages, audited."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="id")
    def wire_id(self, row: Model) -> str:
        return ids.to_text(self.id_prefix or "", row.pk)


class TenantModelAdmin(ScopedAdmin):
    """For models whose rows belong to a tenant; `tenant_field` holds the tenant's id."""

    tenant_field = "tenant_id"

    def is_open_to(self, request: HttpRequest) -> bool:
        return super().is_open_to(request) or tenant_ids(request).exists()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if cast(User, request.user).is_superuser:
            return rows
        return rows.filter(**{f"{self.tenant_field}__in": tenant_ids(request)})

    def _is_visible(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None or cast(User, request.user).is_superuser:
            return True
        return getattr(obj, self.tenant_field) in set(tenant_ids(request))

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ChoiceField | None:
        """Offer, and take, the user's own tenants only."""
        if db_field.related_model is Tenant:
            tenants = Tenant.objects.filter(deleted_at__isnull=True)
            if not cast(User, request.user).is_superuser:
                tenants = tenants.filter(id__in=tenant_ids(request))
            kwargs["queryset"] = tenants
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
