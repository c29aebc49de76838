"""Signing secrets as people and SDKs exchange them: `whsec_`, `whsk_` and `whpk_` texts.

Pure: generate, read and write the text forms of Standard Webhooks. Nothing is stored here.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HMAC_PREFIX = "whsec_"
ED25519_PREFIX = "whsk_"
ED25519_PUBLIC_PREFIX = "whpk_"
HMAC_BYTES = 24
HMAC_BYTES_MIN, HMAC_BYTES_MAX = 24, 75
SEED_BYTES = 32
KEYPAIR_BYTES = 64


class InvalidSecretError(ValueError):
    """The text is no signing secret; the message says why and never repeats it."""


@dataclass(frozen=True, slots=True)
class SecretMaterial:
    """A secret's kind and raw bytes; for Ed25519 the seed followed by the public key."""

    kind: Literal["hmac", "ed25519"]
    raw: bytes = field(repr=False)

    @property
    def signing_bytes(self) -> bytes:
        """The HMAC key, or the Ed25519 seed."""
        return self.raw if self.kind == "hmac" else self.raw[:SEED_BYTES]

    @property
    def text(self) -> str:
        """The whole secret, `whsec_…` or `whsk_…`, as `parse_secret` reads it."""
        return _join(HMAC_PREFIX if self.kind == "hmac" else ED25519_PREFIX, self.raw)

    @property
    def receiver_text(self) -> str:
        """What a receiver needs to verify: `whsec_…`, or the public half as `whpk_…`."""
        if self.kind == "hmac":
            return self.text
        return _join(ED25519_PUBLIC_PREFIX, self.raw[SEED_BYTES:])


def generate_hmac() -> str:
    """Return a new `whsec_…` of 24 random bytes."""
    return _join(HMAC_PREFIX, secrets.token_bytes(HMAC_BYTES))


def generate_ed25519() -> str:
    """Return a new `whsk_…`, a keypair."""
    seed = secrets.token_bytes(SEED_BYTES)
    return _join(ED25519_PREFIX, seed + _public_half(seed))


def parse_secret(text: str) -> SecretMaterial:
    """Read `whsec_…` or `whsk_…`; raises InvalidSecretError."""
    if text.startswith(HMAC_PREFIX):
        return _parse_hmac(text.removeprefix(HMAC_PREFIX))
    if text.startswith(ED25519_PREFIX):
        return _parse_ed25519(text.removeprefix(ED25519_PREFIX))
    raise InvalidSecretError(f"a secret begins with {HMAC_PREFIX} or {ED25519_PREFIX}")


def _parse_hmac(encoded: str) -> SecretMaterial:
    raw = _decode(encoded)
    if not HMAC_BYTES_MIN <= len(raw) <= HMAC_BYTES_MAX:
        raise InvalidSecretError(
            f"a {HMAC_PREFIX} secret holds {HMAC_BYTES_MIN} to {HMAC_BYTES_MAX} bytes, "
            f"this one {len(raw)}"
        )
    return SecretMaterial("hmac", raw)


def _parse_ed25519(encoded: str) -> SecretMaterial:
    raw = _decode(encoded)
    if len(raw) != KEYPAIR_BYTES:
        raise InvalidSecretError(
            f"a {ED25519_PREFIX} secret holds a keypair of {KEYPAIR_BYTES} bytes, "
            f"this one {len(raw)}"
        )
    if _public_half(raw[:SEED_BYTES]) != raw[SEED_BYTES:]:
        raise InvalidSecretError(
            f"the halves of this {ED25519_PREFIX} keypair do not belong together"
        )
    return SecretMaterial("ed25519", raw)


def _public_half(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        # Without `from`: the cause would carry the secret into tracebacks.
        raise InvalidSecretError("the part after the prefix is not base64") from None


def _join(prefix: str, raw: bytes) -> str:
    return prefix + base64.b64encode(raw).decode("ascii")
