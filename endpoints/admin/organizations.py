"""Organizations and tenants."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from endpoints import organizations, tenants
from endpoints.admin.filters import OrganizationFilter
from endpoints.admin.forms import OrganizationForm, TenantForm
from endpoints.admin.neighbours import neighbours
from endpoints.admin.scope import (
    ScopedAdmin,
    TenantModelAdmin,
    actor,
    with_organization_as_text,
)
from endpoints.models import Organization, Tenant
from endpoints.roles import Capability
from webhooks_platform.lib import ids


@admin.register(Organization)
class OrganizationAdmin(ScopedAdmin):
    changes = Capability.OPERATE
    form = OrganizationForm
    id_prefix = ids.ORGANIZATION
    list_display = ["wire_id", "name", "is_default", "created_at"]
    list_display_links = ["wire_id", "name"]
    search_fields = ["name", "subject"]
    readonly_fields = ("wire_id", "is_default", "created_at", "see_also")
    fields = (
        "wire_id", "name", "subject", "validates_payloads", "is_default", "created_at", "see_also",
    )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        organizations.save(obj, changed=form.changed_data, actor=actor(request))

    @admin.display(description="see also")
    def see_also(self, organization: Organization) -> str:
        chosen = {"organization": ids.to_text(ids.ORGANIZATION, organization.pk)}
        return neighbours(
            ("tenants", "endpoints_tenant", chosen), ("API keys", "endpoints_apikey", chosen)
        )


@admin.register(Tenant)
class TenantAdmin(TenantModelAdmin):
    changes = Capability.OPERATE
    form = TenantForm
    tenant_field = "pk"
    organization_field = "organization_id"
    id_prefix = ids.TENANT
    list_display = ["wire_id", "uid", "name", "organization", "is_operational", "created_at"]
    list_display_links = ["wire_id", "name"]
    list_select_related = ["organization"]
    list_filter = [OrganizationFilter]
    search_fields = ["uid", "name"]
    readonly_fields = (
        "wire_id", "is_operational", "version", "created_at", "updated_at", "see_also",
    )  # fmt: skip
    fields = (
        "wire_id", "organization", "uid", "name", "throttle_rate", "metadata", "policy",
        "is_operational", "version", "created_at", "updated_at", "see_also",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        return super().get_queryset(request).filter(deleted_at__isnull=True).order_by("-id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return with_organization_as_text(request, self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what cannot be edited; a tenant stays with its organization."""
        fixed = () if obj is None else ("organization", "organization_name")
        return (*fixed, *self.readonly_fields)

    @admin.display(description="organization")
    def organization_name(self, tenant: Tenant) -> str:
        return tenant.organization.name

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        if change:
            saved = tenants.update(obj, form.values, actor=actor(request))
        else:
            saved = tenants.create(obj.organization_id, form.values, actor=actor(request))
        # The admin goes on with its own object, for the log and the redirect.
        obj.__dict__.update(saved.__dict__)

    @admin.display(description="see also")
    def see_also(self, tenant: Tenant) -> str:
        text = ids.to_text(ids.TENANT, tenant.pk)
        seen: Any = tenant
        keys = ("API keys", "endpoints_apikey", {"tenant": text})
        return neighbours(
            ("endpoints", "endpoints_endpoint", {"tenant": text}),
            *([keys] if seen.reader.may(Capability.OPERATE) else []),
            ("audit log", "endpoints_auditentry", {"q": text}),
            ("events", "deliveries_event", {"q": text}),
            ("deliveries", "deliveries_delivery", {"tenant": text}),
            ("dead letters", "deliveries_deadletter", {"tenant": text}),
            ("replays", "deliveries_replay", {"q": text}),
        )
