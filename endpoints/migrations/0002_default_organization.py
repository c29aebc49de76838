"""Make the organization that owns whatever names no other."""

from typing import Any

from django.db import migrations


def make(apps: Any, schema_editor: Any) -> None:
    organizations = apps.get_model("endpoints", "Organization").objects
    if not organizations.filter(is_default=True).exists():
        organizations.create(name="default", is_default=True)


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0001_initial")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
