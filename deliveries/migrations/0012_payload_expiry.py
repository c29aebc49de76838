"""Let an emptied payload keep the time at which it was due, outside the index of what is due."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0011_usage_in_background_tasks")]

    operations = [
        migrations.RemoveIndex(model_name="event", name="event_payload_expiry"),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["payload_expires_at"],
                condition=models.Q(payload_expires_at__isnull=False, payload__isnull=False),
                name="event_payload_expiry",
            ),
        ),
    ]
