"""Sessions of the app portal, and the tokens that name one."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import webhooks_platform.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0011_throttle"),
    ]

    operations = [
        migrations.CreateModel(
            name="PortalSession",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=webhooks_platform.lib.ids.new, primary_key=True, serialize=False
                    ),
                ),
                ("session_id", models.CharField(max_length=256, null=True)),
                (
                    "feature_flags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=256), default=list, size=None
                    ),
                ),
                (
                    "capabilities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("ViewBase", "View Base"),
                                ("ViewEndpointSecret", "View Endpoint Secret"),
                                ("ManageEndpointSecret", "Manage Endpoint Secret"),
                                ("ManageTransformations", "Manage Transformations"),
                                ("CreateAttempts", "Create Attempts"),
                                ("ManageEndpoint", "Manage Endpoint"),
                            ],
                            max_length=32,
                        ),
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("code_digest", models.BinaryField(null=True, unique=True)),
                ("code_expires_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="endpoints.tenant"
                    ),
                ),
            ],
            options={
                "db_table": "portal_session",
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="portal",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                to="endpoints.portalsession",
            ),
        ),
    ]
