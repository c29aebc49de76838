"""The groups of the three roles; a membership puts its user into one (endpoints.memberships)."""

from typing import Any

from django.db import migrations

ROLES = ("Tenant admin", "Support", "Operator")


def make(apps: Any, schema_editor: Any) -> None:
    groups = apps.get_model("auth", "Group").objects
    for name in ROLES:
        groups.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("endpoints", "0006_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
