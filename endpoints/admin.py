"""The admin's pages of the configuration plane; that of endpoints is admin_endpoint.py."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from endpoints import tenants
from endpoints.admin_endpoint import EndpointAdmin
from endpoints.admin_scope import ScopedAdmin, TenantModelAdmin, actor
from endpoints.models import ApiKey, AuditEntry, EventType, Membership, Organization, Tenant
from webhooks_platform.lib import ids

__all__ = ["EndpointAdmin"]


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    list_display = ["name", "is_default", "created_at"]


@admin.register(Tenant)
class TenantAdmin(TenantModelAdmin):
    tenant_field = "pk"
    id_prefix = ids.TENANT
    list_display = ["wire_id", "uid", "name", "organization", "created_at"]
    list_display_links = ["wire_id"]
    list_select_related = ["organization"]
    search_fields = ["uid", "name"]
    fields = ["organization", "uid", "name", "throttle_rate", "policy", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        return super().get_queryset(request).filter(deleted_at__isnull=True).order_by("-id")


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    """Who may see a tenant's rows here; given by superusers."""

    list_display = ["user", "tenant", "role"]
    list_select_related = ["user", "tenant"]
    search_fields = ["user__username", "tenant__uid"]
    autocomplete_fields = ["tenant"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.is_open_to(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_open_to(request)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        tenants.add_member(obj, actor=actor(request))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        tenants.remove_member(obj, actor=actor(request))


@admin.register(EventType)
class EventTypeAdmin(ScopedAdmin):
    list_display = ["name", "organization", "archived", "deprecated", "group_name"]
    list_select_related = ["organization"]
    list_filter = ["archived", "deprecated"]
    search_fields = ["name"]
    exclude = ["id"]


@admin.register(ApiKey)
class ApiKeyAdmin(TenantModelAdmin):
    list_display = ["name", "prefix", "tenant", "scopes", "expires_at", "last_used_at"]
    list_select_related = ["tenant"]
    search_fields = ["name", "prefix"]
    exclude = ["id", "digest"]


@admin.register(AuditEntry)
class AuditEntryAdmin(TenantModelAdmin):
    list_display = ["at", "actor", "action", "target", "request_id"]
    list_filter = ["action"]
    search_fields = ["target", "actor", "request_id"]
    ordering = ["-id"]
