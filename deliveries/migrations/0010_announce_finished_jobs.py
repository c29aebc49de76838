"""Tell operational endpoints of replay jobs that have ended, in the transaction that ends them.

A trigger, because statements of several stages end jobs, most of them on the delivery path; it
costs nothing until a job ends. What it stores is what the publish statement stores.
"""

from django.db import migrations

# As webhooks_platform.lib.ids.to_text.
WIRE_ID = """
CREATE FUNCTION wire_id(prefix text, id uuid) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN prefix || (
    SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz',
                             substring(bits from 5 * place + 1 for 5)::bit(5)::int + 1, 1), ''
                      ORDER BY place)
    FROM (SELECT B'00' || ('x' || replace(id::text, '-', ''))::bit(128) AS bits) b,
         generate_series(0, 25) AS place);
"""

# A UUIDv7 of this instant, as webhooks_platform.lib.ids.new.
NEW_ID = """
CREATE FUNCTION new_id() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN overlay(overlay(gen_random_uuid()::text
    placing regexp_replace(
        lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0'),
        '^(.{8})', '\\1-') from 1 for 13)
    placing '7' from 15 for 1)::uuid;
"""

# deliveries.fan_out's rules. The numbers are those of DeliveryStatus, Wait and Trigger.
ANNOUNCE = """
CREATE FUNCTION announce_finished_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH operational AS (
        SELECT o.id, o.organization_id, t.uid AS app_uid FROM tenant t
        JOIN tenant o ON o.organization_id = t.organization_id AND o.is_operational
                     AND o.deleted_at IS NULL
        WHERE t.id = NEW.tenant_id AND NOT t.is_operational
          AND EXISTS (SELECT FROM endpoint e WHERE e.tenant_id = o.id AND e.deleted_at IS NULL)
    ),
    stored AS MATERIALIZED (
        SELECT new_id() AS event_id, id AS tenant, organization_id, app_uid FROM operational
    ),
    events AS (
        INSERT INTO event (id, organization_id, tenant_id, event_type, payload)
        SELECT event_id, organization_id, tenant, 'background_task.finished',
               convert_to(json_build_object(
                   'type', 'background_task.finished',
                   'data', json_build_object(
                       'taskId', wire_id('qtask_', NEW.id),
                       'task', CASE NEW.source WHEN 'missing' THEN 'endpoint.replay'
                                               WHEN 'all' THEN 'endpoint.bulk-replay'
                                               ELSE 'endpoint.recover' END,
                       'status', CASE NEW.state WHEN 'finished' THEN 'finished'
                                                ELSE 'failed' END,
                       'data', json_build_object(
                           'appId', wire_id('app_', NEW.tenant_id), 'appUid', app_uid,
                           'total', NEW.total, 'queued', NEW.queued,
                           'delivered', NEW.delivered, 'failed', NEW.failed)))::text, 'UTF8')
        FROM stored
    ),
    matched AS MATERIALIZED (
        SELECT delivery_id(s.event_id, e.id) AS id, s.event_id, e.id AS endpoint_id, e.tenant_id,
               e.disabled_at IS NULL AS enabled
        FROM stored s JOIN endpoint e ON e.tenant_id = s.tenant AND e.deleted_at IS NULL
        WHERE (e.event_types IS NULL OR 'background_task.finished' = ANY (e.event_types))
          AND e.channels IS NULL
    ),
    opened AS (
        INSERT INTO open_delivery (id, event_id, endpoint_id, tenant_id, status, attempts,
            next_attempt_at, wait, trigger, charged, faults, lost, manual_requested)
        SELECT id, event_id, endpoint_id, tenant_id, 1, 0, clock_timestamp(), 0, 0, 0, 0, 0, false
        FROM matched WHERE enabled
    )
    INSERT INTO settled_delivery (id, event_id, endpoint_id, tenant_id, status, attempts,
                                  settled_at)
    SELECT id, event_id, endpoint_id, tenant_id, 5, 0, clock_timestamp()
    FROM matched WHERE NOT enabled;
    RETURN NULL;
END $$;
CREATE TRIGGER announce_finished AFTER UPDATE ON replay FOR EACH ROW
    WHEN (NEW.source <> 'resend' AND OLD.state IS DISTINCT FROM NEW.state
          AND NEW.state IN ('finished', 'cancelled', 'failed'))
    EXECUTE FUNCTION announce_finished_job();
"""

UNDO = """
DROP TRIGGER announce_finished ON replay;
DROP FUNCTION announce_finished_job(), new_id(), wire_id(text, uuid);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0009_content_purge"),
        ("endpoints", "0009_operational_tenant"),
    ]

    operations = [migrations.RunSQL(WIRE_ID + NEW_ID + ANNOUNCE, UNDO)]
