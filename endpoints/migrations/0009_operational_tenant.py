"""The hidden tenant of each organization that owns its operational endpoints."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0008_audit_not_truncated")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="is_operational",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.UniqueConstraint(
                condition=Q(is_operational=True, deleted_at__isnull=True),
                fields=("organization",),
                name="one_operational_tenant",
            ),
        ),
    ]
