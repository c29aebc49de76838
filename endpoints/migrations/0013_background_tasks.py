"""Questions that are answered in the background."""

import django.contrib.postgres.fields
import django.utils.timezone
from django.db import migrations, models

import webhooks_platform.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0012_portal_sessions"),
    ]

    operations = [
        migrations.CreateModel(
            name="BackgroundTask",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=webhooks_platform.lib.ids.new, primary_key=True, serialize=False
                    ),
                ),
                ("organization_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("application.stats", "Usage"),
                            ("event-type.aggregate", "Event Types"),
                        ],
                        max_length=32,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("finished", "Finished"),
                            ("failed", "Failed"),
                        ],
                        default="running",
                        max_length=16,
                    ),
                ),
                (
                    "tenant_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), null=True, size=None
                    ),
                ),
                ("since", models.DateTimeField(null=True)),
                ("until", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("taken_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("answer", models.JSONField(null=True)),
            ],
            options={
                "db_table": "background_task",
                "indexes": [
                    models.Index(fields=["organization_id", "-id"], name="background_task_page"),
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["taken_until"],
                        name="background_task_running",
                    ),
                ],
            },
        ),
    ]
