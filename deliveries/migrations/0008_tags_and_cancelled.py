"""Indexes to list events by tag, find sealed headers, and list and count cancelled deliveries."""

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0007_scheduled_events"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("tags__isnull", False)), fields=["tags"], name="event_tags"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("headers__isnull", False)),
                fields=["id"],
                name="event_with_headers",
            ),
        ),
        migrations.AddIndex(
            model_name="settleddelivery",
            index=models.Index(
                condition=models.Q(("status", 6)),
                fields=["endpoint_id", "id"],
                name="cancelled_of_endpoint",
            ),
        ),
    ]
