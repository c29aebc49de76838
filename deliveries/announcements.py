"""Store what operational webhooks tell of endpoints, in the transaction that changes them.

Registered with endpoints.announcing at start-up. One statement for any number of announcements;
where an organization has no operational endpoint, it stores nothing.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection

from deliveries import wake
from deliveries.operational import OPERATIONAL, STORE
from endpoints.announcing import Announcement
from webhooks_platform.lib import ids

ANNOUNCE = f"""
WITH stored AS MATERIALIZED (
    SELECT t.event_id, t.organization_id, o.id AS tenant, t.event_type,
           NULL::varchar[] AS channels, NULL::timestamptz AS deliver_at, t.payload
    FROM unnest(%(event)s::uuid[], %(organization)s::uuid[], %(type)s::text[], %(payload)s::bytea[])
        AS t(event_id, organization_id, event_type, payload)
    {OPERATIONAL}
),
{STORE.strip()}
SELECT count(*) FROM opened
"""


def store(announcements: Sequence[Announcement]) -> None:
    """Store the events that somebody wants; the caller holds the transaction."""
    parameters: dict[str, Any] = {
        "event": [ids.new() for _ in announcements],
        "organization": [each.organization_id for each in announcements],
        "type": [each.kind.value for each in announcements],
        "payload": [orjson.dumps({"type": each.kind, "data": each.data}) for each in announcements],
    }
    with connection.cursor() as cursor:
        cursor.execute(ANNOUNCE, parameters)
        (opened,) = cursor.fetchone()
    if opened:
        wake.hint_after_commit()
