"""Issue and revoke API keys; both are audited. A key's text is returned once and stored nowhere."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from endpoints import api_keys
from endpoints.audit import Actor, record
from endpoints.models import ApiKey, Organization, Tenant
from webhooks_platform.lib import ids


@transaction.atomic
def issue(
    organization: Organization,
    *,
    name: str,
    scopes: Sequence[str],
    actor: Actor,
    tenant: Tenant | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key of the organization, or of one tenant of it; return its row and its text."""
    row, text = api_keys.create(
        organization=organization, name=name, scopes=scopes, tenant=tenant, expires_at=expires_at
    )
    _record(actor, "api_key.created", row, scopes=row.scopes)
    return row, text


@transaction.atomic
def revoke(key: ApiKey, *, actor: Actor) -> None:
    """End a key, everywhere within 5 s and in this process at once; no change if it has ended."""
    revoked = ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=timezone.now())
    if revoked:
        _record(actor, "api_key.revoked", key)
    transaction.on_commit(api_keys.forget)


def _record(actor: Actor, action: str, key: ApiKey, **detail: object) -> None:
    record(
        actor,
        action,
        organization_id=key.organization_id,
        tenant_id=key.tenant_id,
        target=ids.to_text(ids.API_KEY, key.id),
        detail={"name": key.name, "prefix": key.prefix, **detail},
    )
