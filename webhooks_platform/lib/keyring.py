"""Encrypt what rests in the database: a ring of Fernet keys, newest first.

A token holds the id of the row that owns it in front of its value, since Fernet itself has no
associated data: copied to another row, a token is refused there.
"""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

KEY_ID_BYTES = 8
OWNER_BYTES = 16


class KeyringError(Exception):
    """A token that no key of the ring opens, or that was made for another owner."""


class Keyring:
    """Seals with its first key and opens with any; immutable, so threads may share it."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = {key_id_of(key): Fernet(key) for key in keys}
        self._ring = MultiFernet(list(self._fernets.values()))
        self.key_ids = tuple(self._fernets)
        self.newest_key_id = self.key_ids[0]

    def seal(self, value: bytes | str, *, bound_to: UUID) -> bytes:
        """Return a token of `value` that only the owner `bound_to` can open."""
        raw = value.encode() if isinstance(value, str) else value
        return self._ring.encrypt(bound_to.bytes + raw)

    def open(self, token: bytes | memoryview, *, bound_to: UUID) -> bytes:
        """Return what was sealed for `bound_to`; raise KeyringError for any other token."""
        try:
            plain = self._ring.decrypt(bytes(token))
        except InvalidToken:
            raise KeyringError("no key of the ring opens this token") from None
        if plain[:OWNER_BYTES] != bound_to.bytes:
            raise KeyringError("the token was made for another owner")
        return plain[OWNER_BYTES:]

    def key_id(self, token: bytes | memoryview) -> str:
        """Return the id of the key that made `token`, found by trying each in turn."""
        for key_id, fernet in self._fernets.items():
            try:
                fernet.decrypt(bytes(token))
            except InvalidToken:
                continue
            return key_id
        raise KeyringError("no key of the ring opens this token")

    def reseal(self, token: bytes | memoryview) -> bytes:
        """Return the same value for the same owner, made with the newest key."""
        try:
            return self._ring.rotate(bytes(token))
        except InvalidToken:
            raise KeyringError("no key of the ring opens this token") from None


def key_id_of(key: str) -> str:
    """Return a key's public name: 16 hexadecimal characters that tell nothing about it."""
    raw = urlsafe_b64decode(key)
    return hashlib.blake2b(raw, digest_size=KEY_ID_BYTES, person=b"keyring-key-id").hexdigest()


def configured() -> Keyring:
    """Return the ring of WEBHOOKS_ENCRYPTION_KEYS, made once for each process."""
    return _ring(tuple(settings.ENVIRONMENT.WEBHOOKS_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> Keyring:
    return Keyring(keys)
