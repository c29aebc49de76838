"""The app portal: links and tokens with which a tenant's people reach their own endpoints.

A token is an API key of the tenant that names its session, so it is found, remembered, expired
and revoked like any other. A link carries a code that is good once and for minutes.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Least, Now

from endpoints import api_keys
from endpoints.audit import Actor, record_tenant
from endpoints.models import ApiKey, PortalSession, Tenant

Capability = PortalSession.Capability
#: How long a link can be opened.
CODE_LASTS = timedelta(minutes=10)
#: How long rows of ended sessions are kept.
KEPT = timedelta(days=1)
KEY_NAME = "App portal"


@dataclass(frozen=True)
class Access:
    """What a link and its tokens are to be good for."""

    expires_at: datetime
    capabilities: Sequence[str]
    feature_flags: Sequence[str] = field(default_factory=list)
    session_id: str | None = None


@dataclass(frozen=True)
class Opened:
    """What a link gave."""

    token: str
    tenant_id: UUID
    expires_at: datetime


def scopes_of(capabilities: Collection[str]) -> list[str]:
    """Return the scopes of an API key that come nearest to capabilities, and within them."""
    if Capability.MANAGE_ENDPOINT in capabilities:
        return [ApiKey.Scope.MANAGE]
    replays = Capability.CREATE_ATTEMPTS in capabilities
    return [ApiKey.Scope.READ, *([ApiKey.Scope.REPLAY] if replays else [])]


@transaction.atomic
def give_access(tenant: Tenant, access: Access, *, actor: Actor) -> tuple[str, str]:
    """Begin a session; return the code for its link, and a token. Neither can be had again."""
    code = secrets.token_urlsafe(32)
    _forget_ended(tenant)
    session = PortalSession.objects.create(
        tenant=tenant,
        session_id=access.session_id,
        feature_flags=list(access.feature_flags),
        capabilities=list(access.capabilities),
        expires_at=access.expires_at,
        code_digest=_digest(code),
        code_expires_at=Now() + CODE_LASTS,
    )
    token = _token(session)
    shown = {"capabilities": sorted(access.capabilities), "sessionId": access.session_id}
    record_tenant(actor, "portal.access_given", tenant, **shown)
    return code, token


@transaction.atomic
def exchange(code: str) -> Opened | None:
    """Return a token for a link's code, once; None for one that is unknown, used or too old."""
    rows = PortalSession.objects.select_for_update(of=("self",)).select_related("tenant")
    session = rows.filter(
        code_digest=_digest(code),
        code_expires_at__gt=Now(),
        expires_at__gt=Now(),
        tenant__deleted_at=None,
    ).first()
    if session is None:
        return None
    session.code_digest = None
    session.save(update_fields=["code_digest"])
    record_tenant(Actor("App portal link"), "portal.link_opened", session.tenant)
    return Opened(_token(session), session.tenant_id, session.expires_at)


@transaction.atomic
def log_out(key_id: UUID | None, *, actor: Actor) -> bool:
    """End one token, everywhere within 5 s; False if it is none of a portal."""
    rows = ApiKey.objects.filter(portal__isnull=False).select_related("tenant")
    key = rows.filter(id=key_id).first() if key_id else None
    if key is None or key.tenant is None:
        return False
    if ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=Now()):
        record_tenant(actor, "portal.logged_out", key.tenant, prefix=key.prefix)
    transaction.on_commit(api_keys.forget)
    return True


@transaction.atomic
def expire_all(
    tenant: Tenant, *, seconds: int, session_ids: Collection[str] | None, actor: Actor
) -> None:
    """End the tenant's portal tokens and unused links in so many seconds, or those of sessions."""
    sessions = PortalSession.objects.filter(tenant=tenant, expires_at__gt=Now())
    if session_ids is not None:
        sessions = sessions.filter(session_id__in=session_ids)
    ended = list(sessions.order_by("id").select_for_update().values_list("id", flat=True))
    at = Now() + Value(timedelta(seconds=seconds))
    PortalSession.objects.filter(id__in=ended).update(expires_at=Least(F("expires_at"), at))
    ApiKey.objects.filter(portal_id__in=ended).update(expires_at=Least(F("expires_at"), at))
    shown = {"sessions": len(ended), "seconds": seconds}
    record_tenant(actor, "portal.access_expired", tenant, **shown)
    transaction.on_commit(api_keys.forget)


def _token(session: PortalSession) -> str:
    _, text = api_keys.create(
        organization=session.tenant.organization,
        tenant=session.tenant,
        name=KEY_NAME,
        scopes=scopes_of(session.capabilities),
        expires_at=session.expires_at,
        portal=session,
    )
    return text


def _forget_ended(tenant: Tenant) -> None:
    """Remove what ended a while ago, so that the rows are as many as are in use."""
    PortalSession.objects.filter(tenant=tenant, expires_at__lt=Now() - KEPT).delete()


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
