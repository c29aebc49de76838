"""Which endpoints an event goes to: the part of the publish statement that makes deliveries.

Reads the rows of `stored` (event_id, tenant, event_type, channels, deliver_at). A filter that an
endpoint does not have lets everything through. What matches a disabled endpoint is parked, so
that it can be found and sent later; a deleted endpoint gets nothing.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from deliveries.models import DeliveryStatus, Trigger, Wait

# Of an event `s` and an endpoint `e`.
MATCHES = """
(e.event_types IS NULL OR s.event_type = ANY (e.event_types))
      AND (e.channels IS NULL OR e.channels && s.channels)
""".strip()

IS_WANTED = f"""
SELECT EXISTS (
    SELECT FROM endpoint e
    CROSS JOIN (SELECT %(event_type)s AS event_type, %(channels)s::varchar[] AS channels) s
    WHERE e.tenant_id = %(tenant)s AND e.deleted_at IS NULL AND e.disabled_at IS NULL
      AND {MATCHES})
"""

FAN_OUT = f"""
matched AS MATERIALIZED (
    SELECT delivery_id(s.event_id, e.id) AS id, s.event_id, e.id AS endpoint_id, e.tenant_id,
           e.disabled_at IS NULL AS enabled, s.deliver_at
    FROM stored s
    JOIN endpoint e ON e.tenant_id = s.tenant AND e.deleted_at IS NULL
    WHERE {MATCHES}
),
opened AS (
    INSERT INTO open_delivery (
        id, event_id, endpoint_id, tenant_id, status, attempts, next_attempt_at, wait, trigger,
        charged, faults, lost, manual_requested)
    SELECT id, event_id, endpoint_id, tenant_id, {DeliveryStatus.PENDING}, 0,
           greatest(deliver_at, clock_timestamp()),
           CASE WHEN deliver_at > clock_timestamp() THEN {Wait.DELIVER_AT} ELSE {Wait.SCHEDULE} END,
           {Trigger.SCHEDULED}, 0, 0, 0, false
    FROM matched WHERE enabled
    RETURNING id
),
parked AS (
    INSERT INTO settled_delivery (
        id, event_id, endpoint_id, tenant_id, status, attempts, settled_at)
    SELECT id, event_id, endpoint_id, tenant_id, {DeliveryStatus.PARKED}, 0, clock_timestamp()
    FROM matched WHERE NOT enabled
)
"""


def is_wanted(tenant_id: UUID, event_type: str, channels: Sequence[str] | None) -> bool:
    """Tell whether an enabled endpoint of the tenant would get such an event."""
    named = None if channels is None else list(channels)
    with connection.cursor() as cursor:
        cursor.execute(
            IS_WANTED, {"tenant": tenant_id, "event_type": event_type, "channels": named}
        )
        found: bool = cursor.fetchone()[0]
    return found
