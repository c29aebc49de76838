"""Indexes by which the admin finds audit entries, however many there are."""

from django.db import migrations, models
from django.db.models import Q


def _index(field: str, name: str) -> migrations.AddIndex:
    return migrations.AddIndex("auditentry", models.Index(fields=[field, "-id"], name=name))


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0013_usage_questions")]

    operations = [
        _index("action", "audit_of_action"),
        _index("actor", "audit_of_actor"),
        _index("target", "audit_of_target"),
        migrations.AddIndex(
            "auditentry",
            models.Index(
                fields=["request_id"],
                condition=Q(request_id__isnull=False),
                name="audit_of_request",
            ),
        ),
    ]
