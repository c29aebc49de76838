"""Groups of dead letters that have their cause in common, as the summary shows them."""

from typing import Any
from urllib.parse import urlencode

from deliveries.admin.showing import NOTHING, link
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids


def shown(group: dict[str, Any], endpoint: Endpoint | None) -> dict[str, Any]:
    """Return a group with links to its tenant and endpoint, and the query of its list."""
    status = group["last_status_code"] or 0
    query = {
        "endpoint": ids.to_text(ids.ENDPOINT, group["endpoint_id"]),
        "reason": group["reason"],
        "event_type": group["event_type"],
        "status_class": status // 100 * 100,
    }
    name = (endpoint.uid or endpoint.url) if endpoint else query["endpoint"]
    gone = endpoint is None or endpoint.deleted_at is not None
    page = f"{name} (deleted)" if gone else link(Endpoint, group["endpoint_id"], name)
    tenant = _tenant(endpoint.tenant) if endpoint else NOTHING
    return {**group, "tenant": tenant, "endpoint": page, "query": urlencode(query)}


def _tenant(tenant: Tenant) -> str:
    return f"{tenant.name} (deleted)" if tenant.deleted_at else link(Tenant, tenant.id, tenant.name)
