"""Turn Event, SettledDelivery and Attempt into tables partitioned by day on their UUIDv7 id.

A DEFAULT partition takes what no day's partition does, so that publishing never waits for
upkeep; retention.py makes the days ahead and empties DEFAULT.
"""

from django.db import migrations


def partition(table: str, indexes: dict[str, str]) -> str:
    """Replace a plain, empty table by a partitioned one with the same columns and index names."""
    plain = f"{table}_plain"
    return "\n".join(
        [
            f"ALTER TABLE {table} RENAME TO {plain};",
            f"CREATE TABLE {table} (LIKE {plain} INCLUDING DEFAULTS) PARTITION BY RANGE (id);",
            f"DROP TABLE {plain};",
            f"ALTER TABLE {table} ADD PRIMARY KEY (id);",
            *[f"CREATE INDEX {name} ON {table} ({columns});" for name, columns in indexes.items()],
            f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;",
        ]
    )


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0001_initial")]

    operations = [
        migrations.RunSQL(
            partition("event", {"event_page": "tenant_id, id"}), migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            partition("settled_delivery", {"settled_of_endpoint": "endpoint_id, id"}),
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            partition(
                "attempt",
                {"attempts_of_event": "event_id", "attempts_of_endpoint": "endpoint_id, id"},
            ),
            migrations.RunSQL.noop,
        ),
    ]
