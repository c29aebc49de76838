"""The database's own part of the queue: ids of deliveries, the view over both tables, storage."""

from django.db import migrations

# The time of the event (48 bits) and a hash of the pair, in the shape of a UUIDv7: the primary
# key alone makes a delivery unique for its event and endpoint, and lies in the event's day.
DELIVERY_ID = """
CREATE FUNCTION delivery_id(event_id uuid, endpoint_id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN overlay(
    overlay(
        overlay(
            md5(event_id::text || endpoint_id::text)
            placing left(replace(event_id::text, '-', ''), 12) from 1 for 12)
        placing '7' from 13 for 1)
    placing '8' from 17 for 1)::uuid;
"""

DELIVERY_VIEW = """
CREATE VIEW delivery AS
SELECT id, event_id, endpoint_id, tenant_id, status, attempts, last_status_code, last_error,
       next_attempt_at, wait, charged, NULL::timestamptz AS settled_at
FROM open_delivery
UNION ALL
SELECT id, event_id, endpoint_id, tenant_id, status, attempts, last_status_code, last_error,
       NULL, NULL, NULL, settled_at
FROM settled_delivery;
"""

# Room on the page for the new version of a claimed row keeps the claim a heap-only update; a
# queue's dead rows are many and young, so they are collected early.
STORAGE = """
ALTER TABLE open_delivery SET (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE lease SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200);
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0002_partitions")]

    operations = [
        migrations.RunSQL(DELIVERY_ID, "DROP FUNCTION delivery_id(uuid, uuid);"),
        migrations.RunSQL(DELIVERY_VIEW, "DROP VIEW delivery;"),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
