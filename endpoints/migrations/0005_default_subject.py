"""Tokens of svix-server's default organization are those of the default organization here."""

from typing import Any

from django.db import migrations

SVIX_DEFAULT = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"


def name(apps: Any, schema_editor: Any) -> None:
    organizations = apps.get_model("endpoints", "Organization").objects
    organizations.filter(is_default=True, subject=None).update(subject=SVIX_DEFAULT)


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0004_organization_subject")]

    operations = [migrations.RunPython(name, migrations.RunPython.noop)]
