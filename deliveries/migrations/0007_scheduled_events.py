"""When an event is to be delivered, its tags and its own headers."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0006_failed_deliveries"),
    ]

    operations = [
        migrations.AddField("event", "deliver_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "event",
            "tags",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=256), null=True, size=None
            ),
        ),
        migrations.AddField("event", "headers", models.BinaryField(null=True)),
    ]
