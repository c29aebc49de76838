"""Replays: decisions to deliver again, and how far they have come."""

from django.contrib import admin

from deliveries.admin.history import HistoryAdmin
from deliveries.models import Replay
from webhooks_platform.lib import ids


@admin.register(Replay)
class ReplayAdmin(HistoryAdmin):
    id_prefix = ids.REPLAY
    finders = {
        ids.REPLAY: lambda found: {"id": found},
        ids.TENANT: lambda found: {"tenant_id": found},
    }
    search_help_text = "An id (rpl_…, app_…)"
    list_display = [
        "wire_id", "tenant", "source", "state", "total", "queued", "delivered", "failed",
        "created_by", "created_at",
    ]  # fmt: skip
    list_filter = ["state", "source"]
    fields = readonly_fields = (
        "wire_id", "tenant", "source", "filters", "note", "state", "total", "queued", "delivered",
        "failed", "rate_per_second", "created_by", "created_at", "finished_at",
    )  # fmt: skip
