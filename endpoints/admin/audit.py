"""The audit log: read by everybody for what they may see, written by nobody here."""

import json
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from endpoints.admin.filters import SimpleListFilter, id_of
from endpoints.admin.links import target_link
from endpoints.admin.scope import REACHABLE, TenantModelAdmin
from endpoints.models import AuditEntry, Endpoint, Tenant
from webhooks_platform.lib import ids


class ActionFilter(SimpleListFilter):
    """Offers the actions among the newest entries that the user sees, and the one in the URL."""

    title = parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = model_admin.get_queryset(request).order_by("-id").values("action")[:REACHABLE]
        recent = {entry["action"] for entry in newest}
        return [(action, action) for action in sorted({*recent, self.value() or ""} - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(TenantModelAdmin):
    id_prefix = ids.AUDIT_ENTRY
    organization_field = "organization_id"
    list_display = ["at", "actor", "action", "linked_target", "request_id"]
    list_filter = [ActionFilter]
    ordering = ["-id"]
    sortable_by = ()
    search_fields = ["id"]
    search_help_text = (
        "Exactly a target's id (ep_…, app_…, dl_…, …) or name, an actor's name, or a request id; "
        f"of each, the newest {REACHABLE} entries"
    )
    fields = readonly_fields = (
        "wire_id", "at", "actor", "action", "linked_target", "shown_detail", "request_id",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find the newest entries of exactly this name; each is looked up in an index of its own.

        Asked for together, they could make PostgreSQL walk the whole log for a page.
        """
        term = search_term.strip()
        if not term or term.startswith(ids.AUDIT_ENTRY):
            return super().get_search_results(request, queryset, term)
        newest = queryset.order_by("-id").values_list("id", flat=True)
        found = {
            entry
            for field in ("target", "actor", "request_id")
            for entry in newest.filter(**{field: term})[:REACHABLE]
        }
        return queryset.filter(id__in=found), False

    def mark_for(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().mark_for(request, rows)
        targets = [row.target for row in rows]
        gone = _deleted(Tenant, ids.TENANT, targets) | _deleted(Endpoint, ids.ENDPOINT, targets)
        for row in rows:
            row.has_no_page = row.closed or row.target in gone

    @admin.display(description="target")
    def linked_target(self, entry: AuditEntry) -> str:
        seen: Any = entry
        return entry.target if seen.has_no_page else target_link(entry.target, seen.reader)

    @admin.display(description="detail")
    def shown_detail(self, entry: AuditEntry) -> str:
        return json.dumps(entry.detail, indent=1, ensure_ascii=False)


def _deleted(model: type[Tenant | Endpoint], prefix: str, targets: Sequence[str]) -> set[str]:
    """Return those of the targets that are deleted rows of the model."""
    named = [found for text in targets if (found := id_of(prefix, text))]
    rows = model._default_manager.filter(id__in=named, deleted_at__isnull=False)
    return {ids.to_text(prefix, row_id) for row_id in rows.values_list("id", flat=True)}
