"""The catalogue of event types; kept by operators, read by everybody who signs in."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from endpoints import event_types
from endpoints.admin.forms import EventTypeForm
from endpoints.admin.neighbours import neighbours
from endpoints.admin.scope import ScopedAdmin, access, actor, with_organization_as_text
from endpoints.models import EventType, Organization
from endpoints.roles import Capability


@admin.register(EventType)
class EventTypeAdmin(ScopedAdmin):
    """Everybody sees those of the organizations of his tenants."""

    sees = Capability.READ
    changes = Capability.OPERATE
    form = EventTypeForm
    id_prefix = event_types.PREFIX
    list_display = [
        "name", "organization", "archived", "deprecated", "validates_payloads", "group_name",
    ]  # fmt: skip
    list_select_related = ["organization"]
    list_filter = ["archived", "deprecated", "validates_payloads"]
    search_fields = ["name"]
    readonly_fields = ("created_at", "updated_at", "see_also")
    fields = (
        "organization", "name", "description", "archived", "deprecated", "schemas",
        "validates_payloads", "feature_flags", "group_name", "created_at", "updated_at", "see_also",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventType]:
        rows = super().get_queryset(request).order_by("name")
        seer = access(request)
        if seer.is_operator:
            return rows
        of_tenants = Organization.objects.filter(tenants__id__in=seer.tenant_ids()).values("id")
        return rows.filter(
            Q(organization_id__in=of_tenants) | Q(organization_id__in=seer.organization_ids())
        )

    def reaches(self, request: HttpRequest, row: Any, capability: Capability) -> bool:
        may = super().reaches(request, row, capability)
        return may and (row is None or self.get_queryset(request).filter(pk=row.pk).exists())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return with_organization_as_text(request, self.fields)

    @admin.display(description="organization")
    def organization_name(self, event_type: EventType) -> str:
        return event_type.organization.name

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what cannot be edited; events know their type by its name."""
        fixed = () if obj is None else ("organization", "organization_name", "name")
        return (*fixed, *self.readonly_fields)

    @admin.display(description="see also")
    def see_also(self, event_type: EventType) -> str:
        named = {"event_type": event_type.name}
        return neighbours(
            ("events", "deliveries_event", named),
            ("dead letters", "deliveries_deadletter", named),
            ("audit log", "endpoints_auditentry", {"q": self.wire_id(event_type)}),
        )

    def save_model(self, request: HttpRequest, obj: EventType, form: Any, change: bool) -> None:
        if change:
            saved = event_types.update(obj, form.values, actor=actor(request))
        else:
            saved = event_types.create(
                obj.organization_id, obj.name, form.values, actor=actor(request)
            )
        obj.__dict__.update(saved.__dict__)
