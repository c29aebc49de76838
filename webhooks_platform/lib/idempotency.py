"""Idempotency keys: what a client may send, and the hashes that are kept of it.

A key means something only within one organization, reach of a caller and route; hashed together
they take 16 bytes, whatever the client sent.
"""

import hashlib
from uuid import UUID

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_HASH_BYTES = 16


class InvalidKeyError(ValueError):
    """An idempotency key has 1 to 255 printable ASCII characters."""


def key_id(key: str, *, organization_id: UUID, tenant_id: UUID | None, route: str) -> UUID:
    """Return the id of the key's row; raise InvalidKeyError.

    `tenant_id` is the tenant of a tenant's own key: it must not see answers of others.
    """
    if not 0 < len(key) <= MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise InvalidKeyError
    reach = tenant_id.bytes if tenant_id else b""
    # The length in front keeps route and key apart, whatever they hold.
    parts = (organization_id.bytes, reach, b"%d:" % len(route), route.encode(), key.encode())
    return _hash(b"".join(parts), b"idempotency-key")


def fingerprint(body: bytes, query: bytes) -> UUID:
    """Return what tells a repeated request from another one under the same key."""
    return _hash(b"%d:%b%b" % (len(query), query, body), b"idempotent-body")


def _hash(value: bytes, purpose: bytes) -> UUID:
    return UUID(bytes=hashlib.blake2b(value, digest_size=_HASH_BYTES, person=purpose).digest())
