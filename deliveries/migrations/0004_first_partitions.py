"""The first days' partitions, the partition of the past, and an index to empty payloads by."""

from datetime import UTC, datetime, timedelta

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLES = ("event", "settled_delivery", "attempt")
DAYS_AHEAD = 7


def lowest_id(day: datetime) -> str:
    """Return the lowest UUIDv7 of a day as text."""
    digits = f"{int(day.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for table in TABLES:
        schema_editor.execute(
            f"CREATE TABLE IF NOT EXISTS {table}_past PARTITION OF {table} "
            f"FOR VALUES FROM (MINVALUE) TO ('{lowest_id(today)}')"
        )
        for day in (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)):
            end = day + timedelta(days=1)
            schema_editor.execute(
                f"CREATE TABLE IF NOT EXISTS {table}_{day:%Y%m%d} PARTITION OF {table} "
                f"FOR VALUES FROM ('{lowest_id(day)}') TO ('{lowest_id(end)}')"
            )


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0003_queue")]

    operations = [
        migrations.RunPython(make, migrations.RunPython.noop),
        # Null is the rule, so a publish writes nothing to it.
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["payload_expires_at"],
                condition=models.Q(payload_expires_at__isnull=False),
                name="event_payload_expiry",
            ),
        ),
    ]
