"""Which endpoints an event goes to: the part of the publish statement that makes deliveries.

Reads the rows of `stored` (event_id, tenant, event_type, channels). A filter that an endpoint
does not have lets everything through. What matches a disabled endpoint is parked, so that it
can be found and sent later; a deleted endpoint gets nothing.
"""

from deliveries.models import DeliveryStatus, Trigger, Wait

FAN_OUT = f"""
matched AS MATERIALIZED (
    SELECT delivery_id(s.event_id, e.id) AS id, s.event_id, e.id AS endpoint_id, e.tenant_id,
           e.disabled_at IS NULL AS enabled
    FROM stored s
    JOIN endpoint e ON e.tenant_id = s.tenant AND e.deleted_at IS NULL
    WHERE (e.event_types IS NULL OR s.event_type = ANY (e.event_types))
      AND (e.channels IS NULL OR e.channels && s.channels)
),
opened AS (
    INSERT INTO open_delivery (
        id, event_id, endpoint_id, tenant_id, status, attempts, next_attempt_at, wait, trigger,
        charged, faults, lost, manual_requested)
    SELECT id, event_id, endpoint_id, tenant_id, {DeliveryStatus.PENDING}, 0, clock_timestamp(),
           {Wait.SCHEDULE}, {Trigger.SCHEDULED}, 0, 0, 0, false
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
