"""One row for each tenant or endpoint with a rate, written by claims."""

from django.db import migrations, models

# As for the queue: a row that is updated many times a second stays on its page.
STORAGE = """
ALTER TABLE throttle SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 200);
"""


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0010_payload_validation")]

    operations = [
        migrations.CreateModel(
            name="Throttle",
            fields=[
                ("key", models.UUIDField(primary_key=True, serialize=False)),
                ("empty_at", models.DateTimeField()),
            ],
            options={"db_table": "throttle"},
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
    ]
