"""API keys: making them, and finding the caller behind one.

A key is `whk_`, 12 public characters by which its row is found, and 256 random bits. Where
WEBHOOKS_CELL names the cell, the first two of the public ones are its name, for a router in front
of several cells to tell by. The row holds only a SHA-256 of the whole: a dump of the database lets
nobody in. Each process remembers
what it found for a few seconds, so a revoked key is refused everywhere within 5 s.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from endpoints.models import ApiKey, Organization, PortalSession, Tenant
from endpoints.principals import Principal, of_capabilities, with_included
from endpoints.remembered import Remembered
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

MARK = "whk_"
PREFIX_LENGTH = 16
#: The whole text: mark and public part, an underscore, 43 characters of URL-safe base64.
KEY_LENGTH = PREFIX_LENGTH + 1 + 43
SECRET_BYTES = 32

_remembered = Remembered()

_FIND = """
SELECT k.id, k.name, k.organization_id, k.tenant_id, k.scopes, k.digest, k.expires_at,
       k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute',
       p.capabilities, p.feature_flags
FROM api_key k LEFT JOIN tenant t ON t.id = k.tenant_id
     LEFT JOIN portal_session p ON p.id = k.portal_id
WHERE k.prefix = %s AND k.revoked_at IS NULL AND t.deleted_at IS NULL
"""
_TOUCH = "UPDATE api_key SET last_used_at = now() WHERE id = %s"


def create(
    *,
    organization: Organization,
    name: str,
    scopes: Sequence[str],
    tenant: Tenant | None = None,
    expires_at: datetime | None = None,
    portal: PortalSession | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key; return its row and its text, which cannot be had again."""
    text = new_text()
    row = ApiKey.objects.create(
        organization=organization,
        tenant=tenant,
        portal=portal,
        name=name,
        prefix=text[:PREFIX_LENGTH],
        digest=_digest(text),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    return row, text


def new_text() -> str:
    known = MARK + settings.ENVIRONMENT.WEBHOOKS_CELL
    public = "".join(secrets.choice(ids.ALPHABET) for _ in range(PREFIX_LENGTH - len(known)))
    return f"{known}{public}_{secrets.token_urlsafe(SECRET_BYTES)}"


def find(text: str) -> Principal | None:
    """Return the caller who shows this key, or None. Uses Django's connection."""
    known, principal = _remembered.get(text)
    if known or not _may_be_key(text):
        return principal
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [text[:PREFIX_LENGTH]])
        principal, unmarked = _judge(cursor.fetchone(), text)
        if principal is not None and unmarked:
            cursor.execute(_TOUCH, [principal.key_id])
    return _remembered.put(text, principal)


async def find_async(text: str, database: Connection) -> Principal | None:
    """As find(), for an event loop; statements commit by themselves."""
    cursor = await database.execute(_FIND, [text[:PREFIX_LENGTH]])
    principal, unmarked = _judge(await cursor.fetchone(), text)
    if principal is not None and unmarked:
        await database.execute(_TOUCH, [principal.key_id])
    return _remembered.put(text, principal)


def recall(text: str) -> tuple[bool, Principal | None]:
    """Return whether it is known who shows this key, and who it is; asks no database."""
    if not _may_be_key(text):
        return True, None
    return _remembered.get(text)


def forget() -> None:
    """Drop what this process remembers of keys."""
    _remembered.clear()


def _may_be_key(text: str) -> bool:
    if len(text) != KEY_LENGTH or not text.startswith(MARK):
        return False
    return text.isascii() and text.isprintable()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _judge(row: Any, text: str) -> tuple[Principal | None, bool]:
    """Return the caller of a row of _FIND if the whole key fits, and whether to mark its use."""
    # The comparison is made for an unknown prefix too, so that time does not tell one.
    stored = bytes(row[5]) if row else bytes(32)
    if not hmac.compare_digest(_digest(text), stored) or row is None:
        return None, False
    key_id, name, organization_id, tenant_id, scopes, _, expires_at, unmarked = row[:8]
    capabilities, feature_flags = row[8:]
    principal = Principal(
        key_id=key_id,
        name=f"{name} ({text[:PREFIX_LENGTH]})",
        organization_id=organization_id,
        tenant_id=tenant_id,
        scopes=with_included(scopes) | of_capabilities(capabilities or ()),
        expires_at=expires_at,
        feature_flags=tuple(feature_flags or ()),
        is_portal=capabilities is not None,
    )
    return (None, False) if principal.is_expired else (principal, unmarked)
