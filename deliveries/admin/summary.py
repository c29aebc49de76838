"""Groups of dead letters that have their cause in common, as the summary shows them."""

from typing import Any
from urllib.parse import urlencode

from deliveries.admin.showing import link
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
    page = link(Endpoint, group["endpoint_id"], name)
    tenant = link(Tenant, endpoint.tenant_id, endpoint.tenant.name) if endpoint else "-"
    return {**group, "tenant": tenant, "endpoint": page, "query": urlencode(query)}
