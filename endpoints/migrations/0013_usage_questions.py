"""Questions about usage, which are answered in the background."""

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
            name="UsageQuestion",
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
                            ("usage", "Usage"),
                            ("event_types", "Event Types"),
                        ],
                        max_length=16,
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
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                ("taken_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("answer", models.JSONField(null=True)),
            ],
            options={
                "db_table": "usage_question",
                "indexes": [
                    models.Index(fields=["organization_id", "-id"], name="usage_question_page"),
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["taken_until"],
                        name="usage_question_running",
                    ),
                ],
            },
        ),
    ]
