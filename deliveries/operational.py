"""Operational events: what the platform tells an organization about its tenants' webhooks.

Part of statements that store them beside what they tell of, as events of the organization's
operational tenant (endpoints.operational), with a delivery for each endpoint that wants them.
"""

from deliveries.fan_out import FAN_OUT

# Where an organization has operational endpoints: id of their tenant. Reads as LATERAL after
# something with an `organization_id`, here `t`. OFFSET 0 keeps each a look-up by index.
OPERATIONAL = """
CROSS JOIN LATERAL (
    SELECT o.id FROM tenant o
    WHERE o.organization_id = t.organization_id AND o.is_operational AND o.deleted_at IS NULL
      AND EXISTS (SELECT FROM endpoint e WHERE e.tenant_id = o.id AND e.deleted_at IS NULL)
    OFFSET 0) o
"""

# Reads the rows of `stored` (event_id, organization_id, tenant, event_type, channels, payload).
STORE = f"""
events AS (
    INSERT INTO event (id, organization_id, tenant_id, event_type, payload)
    SELECT event_id, organization_id, tenant, event_type, payload FROM stored
),
{FAN_OUT.strip()}
"""
