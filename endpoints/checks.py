"""System checks: what would make deliveries fail, found before they do."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from endpoints.models import SigningSecret
from webhooks_platform.lib import keyring


@register(Tags.database)
def check_ring(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse a ring from which a key is missing that some signing secret still needs.

    Runs where database checks do: `migrate` and `check --database default`.
    """
    if not databases or not _has_table():
        return []
    used = set(SigningSecret.objects.values_list("key_id", flat=True).distinct())
    missing = sorted(used - set(keyring.configured().key_ids))
    if not missing:
        return []
    return [
        Error(
            f"Signing secrets are encrypted with keys that are not in "
            f"WEBHOOKS_ENCRYPTION_KEYS: {', '.join(missing)}",
            hint="Add the key again, then run `manage.py rotate_encryption_key`.",
            id="endpoints.E001",
        )
    ]


def _has_table() -> bool:
    return SigningSecret._meta.db_table in connection.introspection.table_names()
