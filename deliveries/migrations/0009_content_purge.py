"""Purges of all payloads of a tenant, and a view of them together with replay jobs."""

import uuid

import django.utils.timezone
from django.db import migrations, models

import webhooks_platform.lib.ids

# Types agree, so that a page is read in the order of both tables' primary keys.
BACKGROUND_TASK = """
CREATE VIEW background_task AS
SELECT id, organization_id, tenant_id, source AS kind, state, created_at, finished_at,
       jsonb_build_object('total', total, 'queued', queued, 'delivered', delivered,
                          'failed', failed) AS data
FROM replay
UNION ALL
SELECT id, organization_id, tenant_id, 'purge'::varchar(16), state, created_at, finished_at,
       jsonb_build_object('messagesPurged', purged)
FROM content_purge;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0008_tags_and_cancelled"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContentPurge",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=webhooks_platform.lib.ids.new, primary_key=True, serialize=False
                    ),
                ),
                ("organization_id", models.UUIDField()),
                ("tenant_id", models.UUIDField()),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("finished", "Finished")],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("created_by", models.CharField(max_length=256)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "position",
                    models.UUIDField(default=uuid.UUID("00000000-0000-0000-0000-000000000000")),
                ),
                ("purged", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "content_purge",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["id"],
                        name="purge_running",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BackgroundTask",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("organization_id", models.UUIDField()),
                ("tenant_id", models.UUIDField()),
                ("kind", models.CharField(max_length=16)),
                ("state", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("data", models.JSONField()),
            ],
            options={"db_table": "background_task", "managed": False},
        ),
        migrations.RunSQL(BACKGROUND_TASK, "DROP VIEW background_task;"),
    ]
