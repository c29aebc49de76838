"""Tokens made for svix-server: JWTs (HS256) signed with WEBHOOKS_JWT_SECRET.

So that a user who comes from svix-server changes the URL and nothing else. `sub` names an
organization (`org_…`), or an application (`app_…`) whose organization `org` names. An unknown
organization in a validly signed token is made.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.db import connection

from endpoints.models import ApiKey
from endpoints.principals import Principal, with_included
from endpoints.remembered import Remembered
from webhooks_platform.api.errors import ApiError, unauthenticated
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

_SUBJECT = re.compile(r"org_[A-Za-z0-9]{1,60}")
_SCOPES_OF_TENANT = [ApiKey.Scope.MANAGE]
_remembered = Remembered()

_FIND = "SELECT id FROM organization WHERE id = %(id)s OR subject = %(subject)s"
_MAKE = """
WITH made AS (
    INSERT INTO organization (id, name, created_at, is_default, subject)
    VALUES (%(id)s, %(text)s, clock_timestamp(), false, %(subject)s)
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO audit_entry (id, at, organization_id, actor, action, target, detail)
SELECT %(entry)s, clock_timestamp(), id, %(text)s, 'organization.created', %(text)s, '{}' FROM made
"""


@dataclass(frozen=True)
class _Claims:
    """What a valid token says."""

    organization: str
    tenant_id: UUID | None
    expires_at: datetime
    feature_flags: tuple[str, ...] = ()


def is_subject(text: str) -> bool:
    """Whether a token can name an organization so; a text like our own ids is read as one."""
    try:
        ids.from_text(ids.ORGANIZATION, text)
    except ids.MalformedIdError:
        return _SUBJECT.fullmatch(text) is not None
    return False


def may_be_jwt(token: str) -> bool:
    """Whether it looks like one and such tokens are accepted here."""
    return bool(settings.ENVIRONMENT.WEBHOOKS_JWT_SECRET) and not token.startswith("whk_")


def recall(token: str) -> tuple[bool, Principal | None]:
    """Return whether it is known who shows this token, and who it is; asks no database."""
    return _remembered.get(token)


def find(token: str) -> Principal:
    """Return who shows a token, or raise the 401. Uses Django's connection."""
    known, principal = _remembered.get(token)
    if known and principal is not None:
        return principal
    claims = _read(token)
    named = _parameters(claims)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, named)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_MAKE, named)
            cursor.execute(_FIND, named)
            row = cursor.fetchone()
    return _principal(token, claims, row)


async def find_async(token: str, database: Connection) -> Principal:
    """As find(), for an event loop; statements commit by themselves."""
    claims = _read(token)
    named = _parameters(claims)
    row = await (await database.execute(_FIND, named)).fetchone()
    if row is None:
        await database.execute(_MAKE, named)
        row = await (await database.execute(_FIND, named)).fetchone()
    return _principal(token, claims, row)


def forget() -> None:
    """Drop what this process remembers of tokens."""
    _remembered.clear()


def _read(token: str) -> _Claims:
    """Check signature, expiry and subject; the issuer is not asked for, as in svix-server."""
    found = _decoded(token)
    subject = found.get("sub")
    if not isinstance(subject, str):
        raise unauthenticated("Invalid token (missing `sub`).")
    organization = found.get("org") if subject.startswith(ids.TENANT) else subject
    if not isinstance(organization, str) or not _SUBJECT.fullmatch(organization):
        raise ApiError(400, "bad_token", "The token names no organization (org_…).")
    flags = found.get("feature_flags")
    return _Claims(
        organization,
        _tenant(subject),
        _expiry(found["exp"]),
        tuple(str(flag) for flag in flags) if isinstance(flags, list) else (),
    )


def _decoded(token: str) -> dict[str, Any]:
    secret: str = settings.ENVIRONMENT.WEBHOOKS_JWT_SECRET or ""
    if token == secret:
        raise unauthenticated("The secret that signs tokens is no token itself.")
    try:
        return jwt.decode(
            token,
            secret.encode(),
            algorithms=["HS256"],
            options={"require": ["exp"], "verify_aud": False, "verify_iat": False},
        )
    # PyJWT lets out what JSON too deep and times like Infinity or a list raise.
    except (jwt.InvalidTokenError, ArithmeticError, TypeError, ValueError, RecursionError):
        raise unauthenticated() from None


def _expiry(claimed: Any) -> datetime:
    """Return when a token expires; a year that we cannot write is the last one we can."""
    if not isinstance(claimed, int | float):
        raise unauthenticated()
    try:
        return datetime.fromtimestamp(claimed, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _tenant(subject: str) -> UUID | None:
    if not subject.startswith(ids.TENANT):
        return None
    try:
        return ids.from_text(ids.TENANT, subject)
    except ids.MalformedIdError:
        raise ApiError(400, "bad_token", "The token names no application of ours.") from None


def _parameters(claims: _Claims) -> dict[str, Any]:
    """Return an organization's names: an id of ours, or a subject of svix-server's."""
    text = claims.organization
    try:
        own = ids.from_text(ids.ORGANIZATION, text)
    except ids.MalformedIdError:
        return {"id": ids.new(), "subject": text, "text": text, "entry": ids.new()}
    return {"id": own, "subject": None, "text": text, "entry": ids.new()}


def _principal(token: str, claims: _Claims, row: Any) -> Principal:
    of_tenant = claims.tenant_id is not None
    scopes = _SCOPES_OF_TENANT if of_tenant else ApiKey.Scope.values
    subject = ids.to_text(ids.TENANT, claims.tenant_id) if claims.tenant_id else claims.organization
    principal = Principal(
        key_id=None,
        name=f"token of {subject}",
        organization_id=row[0],
        tenant_id=claims.tenant_id,
        scopes=with_included([str(scope) for scope in scopes]),
        expires_at=claims.expires_at,
        feature_flags=claims.feature_flags,
    )
    _remembered.put(token, principal)
    return principal
