"""How replay jobs look on the wire."""

from collections.abc import Mapping
from typing import Any

from deliveries import replay
from deliveries.models import Replay
from deliveries.replay import Preview
from deliveries.selection import Selection
from endpoints.models import Tenant
from webhooks_platform.lib import ids

PREVIEW = "preview"


def replay_out(job: Replay) -> dict[str, Any]:
    """Return a stored job with its progress: total = delivered + failed + remaining."""
    remaining = max(0, job.total - job.delivered - job.failed)
    return {
        "id": ids.to_text(ids.REPLAY, job.id),
        "appId": ids.to_text(ids.TENANT, job.tenant_id),
        "status": job.state,
        **_filters_out(job.source, job.filters),
        "note": job.note,
        "createdBy": job.created_by,
        "createdAt": job.created_at,
        "finishedAt": job.finished_at,
        "ratePerSecond": job.rate_per_second,
        "total": job.total,
        "exact": job.counted,
        "queued": job.queued,
        "delivered": job.delivered,
        "failed": job.failed,
        "remaining": remaining,
        "sample": [ids.to_text(ids.EVENT, event_id) for event_id in job.sample],
        "estimatedSeconds": _seconds_left(job, remaining),
    }


def preview_out(
    tenant: Tenant,
    selection: Selection,
    found: Preview,
    *,
    note: str,
    actor: str,
    rate_per_second: int | None,
) -> dict[str, Any]:
    """Return what a job would be, of which nothing is stored."""
    return {
        "id": None,
        "appId": ids.to_text(ids.TENANT, tenant.id),
        "status": PREVIEW,
        **_filters_out(selection.source, selection.as_json()),
        "note": note,
        "createdBy": actor,
        "createdAt": None,
        "finishedAt": None,
        "ratePerSecond": rate_per_second,
        "total": found.total,
        "exact": found.exact,
        "queued": 0,
        "delivered": 0,
        "failed": 0,
        "remaining": found.total,
        "sample": [ids.to_text(ids.EVENT, event_id) for event_id in found.sample],
        "estimatedSeconds": replay.estimated_seconds(found.total, rate_per_second),
    }


def _seconds_left(job: Replay, remaining: int) -> int:
    if job.state not in (Replay.State.RUNNING, Replay.State.PAUSED):
        return 0
    return replay.estimated_seconds(remaining, job.rate_per_second)


def _filters_out(source: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    if source == Replay.Source.RESEND:
        return {"source": source, "endpointIds": stored.get("endpointIds", [])}
    chosen = Selection.from_json(source, stored)
    return {
        "source": source,
        "endpointIds": [ids.to_text(ids.ENDPOINT, found) for found in chosen.endpoint_ids],
        "eventTypes": list(chosen.event_types),
        "reasons": list(chosen.reasons),
        "statusCodeClass": chosen.status_code_class,
        "since": chosen.since,
        "until": chosen.until,
        "channels": list(chosen.channels),
    }
