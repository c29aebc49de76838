"""What a delivery loop has to know of an endpoint, without the ORM and in two statements.

A target belongs to one version of its endpoint and one of its tenant; whoever keeps it compares
both with those that the claim returns. What is stored is judged again here: a row may have come
another way than through the API.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import TupleRow

from endpoints import policy
from endpoints.header_policy import check_headers
from endpoints.policy import DeliveryPolicy, PolicyError
from endpoints.signing_secrets import InvalidSecretError, parse_secret
from endpoints.url_policy import EndpointUrl, UrlNotAllowed, parse_url
from webhooks_platform.lib import keyring
from webhooks_platform.lib.database import Connection
from webhooks_platform.lib.keyring import KeyringError

# The secrets are read after the version, so a rotation in between makes them newer than it,
# never older: the next claim returns the higher version and they are read once more.
ENDPOINTS = """
SELECT endpoint.id, endpoint.tenant_id, endpoint.version, tenant.version, endpoint.url,
       endpoint.userinfo, endpoint.headers, tenant.policy, endpoint.policy
FROM endpoint JOIN tenant ON tenant.id = endpoint.tenant_id
WHERE endpoint.id = ANY(%s)
"""
SECRETS = """
SELECT endpoint_id, ciphertext, expires_at FROM signing_secret
WHERE endpoint_id = ANY(%s) AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY expires_at IS NOT NULL, id DESC
"""

Headers = tuple[tuple[str, str], ...]


class _UnusableError(Exception):
    """The endpoint cannot be sent to as it is stored; the message names the part, no value."""


@dataclass(frozen=True, slots=True)
class TargetKey:
    """A secret that signs: raw HMAC bytes, or the seed of an Ed25519 key."""

    kind: Literal["hmac", "ed25519"]
    key: bytes = field(repr=False)
    #: When a previous secret stops signing; None for the current one.
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, ready to be sent to; or with a `problem`, and then nothing may be sent."""

    endpoint_id: UUID
    tenant_id: UUID
    version: int
    tenant_version: int
    #: As stored: canonical, without credentials.
    url_text: str
    #: None only beside a problem.
    url: EndpointUrl | None
    headers: Headers = field(repr=False)
    #: The current one first.
    keys: tuple[TargetKey, ...]
    policy: DeliveryPolicy
    #: Which part is unusable, for an attempt of the kind `config_error`.
    problem: str | None = None

    def keys_at(self, now: datetime) -> tuple[TargetKey, ...]:
        """Return the keys that sign at `now`, the current one first."""
        return tuple(key for key in self.keys if key.expires_at is None or key.expires_at > now)


async def load(connection: Connection, endpoint_ids: Sequence[UUID]) -> dict[UUID, Target]:
    """Read endpoints, deleted ones too; an id that does not exist has no entry."""
    wanted = list(endpoint_ids)
    rows = await _fetch(connection, ENDPOINTS, wanted)
    secrets: dict[UUID, list[tuple[bytes, datetime | None]]] = {row[0]: [] for row in rows}
    for endpoint_id, token, expires_at in await _fetch(connection, SECRETS, wanted):
        secrets.setdefault(endpoint_id, []).append((token, expires_at))
    default = policy.platform()
    return {row[0]: _target(row, secrets[row[0]], default) for row in rows}


async def _fetch(connection: Connection, statement: str, ids: list[UUID]) -> list[TupleRow]:
    return await (await connection.execute(statement, [ids])).fetchall()


def _target(
    row: Sequence[Any], secrets: list[tuple[bytes, datetime | None]], default: DeliveryPolicy
) -> Target:
    endpoint_id, tenant_id, version, tenant_version, url_text, userinfo, headers, *overrides = row
    target = Target(
        endpoint_id, tenant_id, version, tenant_version, url_text, None, (), (), default
    )
    try:
        # First, so that even an attempt that cannot be made is retried on the right schedule.
        resolved = _policy(default, *overrides)
        target = replace(target, policy=resolved)
        return replace(
            target,
            url=_url(url_text, userinfo, endpoint_id),
            headers=_headers(headers, endpoint_id, resolved.signature_header),
            keys=_keys(secrets, endpoint_id),
        )
    except _UnusableError as error:
        return replace(target, problem=str(error))


def _policy(default: DeliveryPolicy, tenant: Any, endpoint: Any) -> DeliveryPolicy:
    try:
        return policy.resolve(default, tenant, endpoint)
    except (PolicyError, AttributeError):
        raise _UnusableError("the delivery policy is not valid") from None


def _url(text: str, userinfo: bytes | None, endpoint_id: UUID) -> EndpointUrl:
    try:
        url = parse_url(text)
    except UrlNotAllowed:
        raise _UnusableError("the URL is not valid") from None
    if userinfo is None:
        return url
    user, _, password = _opened(userinfo, endpoint_id, "the URL's credentials").partition(":")
    return replace(url, userinfo=(user, password))


def _headers(token: bytes | None, endpoint_id: UUID, signature_header: str | None) -> Headers:
    """Return the tenant's headers but for one that is named like the signature's."""
    if token is None:
        return ()
    text = _opened(token, endpoint_id, "the custom headers")
    try:
        headers = tuple((name, value) for name, value in json.loads(text))
        faults = check_headers(headers)
    except (ValueError, TypeError, AttributeError):
        raise _UnusableError("the custom headers cannot be read") from None
    if faults:
        raise _UnusableError("a custom header is not allowed")
    taken = (signature_header or "").lower()
    return tuple(header for header in headers if header[0].lower() != taken)


def _keys(secrets: list[tuple[bytes, datetime | None]], endpoint_id: UUID) -> tuple[TargetKey, ...]:
    if not secrets or secrets[0][1] is not None:
        raise _UnusableError("there is no current signing secret")
    return tuple(_key(token, expires_at, endpoint_id) for token, expires_at in secrets)


def _key(token: bytes, expires_at: datetime | None, endpoint_id: UUID) -> TargetKey:
    try:
        material = parse_secret(_opened(token, endpoint_id, "a signing secret"))
    except InvalidSecretError:
        raise _UnusableError("a signing secret is not valid") from None
    return TargetKey(material.kind, material.signing_bytes, expires_at)


def _opened(token: bytes, endpoint_id: UUID, what: str) -> str:
    try:
        return keyring.configured().open(token, bound_to=endpoint_id).decode()
    except (KeyringError, UnicodeDecodeError):
        raise _UnusableError(f"{what} cannot be decrypted for this endpoint") from None
