"""Sign a webhook: Standard Webhooks v1 and v1a, and the older timestamped-hex form.

Pure: takes bytes, returns header values. The body that is signed must be the very object that
is sent, and the timestamp the one in the header; nothing is serialised here.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One live secret: raw HMAC bytes, or the 32-byte seed of an Ed25519 key.

    Build it once per endpoint version: preparing an Ed25519 key costs as much as a signature.
    """

    kind: Literal["hmac", "ed25519"]
    key: bytes = field(repr=False)
    _private: Ed25519PrivateKey | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        private = Ed25519PrivateKey.from_private_bytes(self.key) if self.kind == "ed25519" else None
        object.__setattr__(self, "_private", private)

    def standard(self, content: bytes) -> str:
        """Return this key's entry of `webhook-signature`, for `id.timestamp.body`."""
        if self._private is None:
            return "v1," + b64encode(hmac.digest(self.key, content, "sha256")).decode("ascii")
        return "v1a," + b64encode(self._private.sign(content)).decode("ascii")


def standard_signature(
    keys: Sequence[SigningKey], *, event_id: str, timestamp: int, body: bytes
) -> str:
    """Return the value of `webhook-signature`: one entry per key, in the order given.

    The current key comes first, the others are those still in their rotation overlap. A dot in
    the id is a ValueError: id `msg`, time 1, body `5.x` would sign the same bytes as id `msg.1`,
    time 5, body `x`.
    """
    if "." in event_id:
        raise ValueError("a signed event id must not contain a dot")
    content = b"%b.%d.%b" % (event_id.encode("ascii"), timestamp, body)
    if len(keys) == 1:
        return keys[0].standard(content)
    return " ".join(key.standard(content) for key in keys)


def timestamped_hex_signature(keys: Sequence[SigningKey], *, timestamp: int, body: bytes) -> str:
    """Return `t=<unix>,v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 over `timestamp.body`.

    Only HMAC keys can sign in this form; without one it is a ValueError, because an unsigned
    delivery must never leave under a signed name.
    """
    content = b"%d.%b" % (timestamp, body)
    digests = [hmac.digest(k.key, content, "sha256").hex() for k in keys if k.kind == "hmac"]
    if not digests:
        raise ValueError("the timestamped signature needs an HMAC secret")
    return f"t={timestamp}," + ",".join(f"v1={digest}" for digest in digests)
