"""Signing secrets at rest: the current one, and previous ones until their overlap ends.

Every change locks the endpoint's row and raises its version, so that two rotations follow each
other and every process signs with the new keys from its next message on.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from endpoints import announcing, signing_secrets
from endpoints.announcing import Kind, announce
from endpoints.audit import Actor, record_endpoint
from endpoints.changes import lock_endpoint, touch
from endpoints.models import Endpoint, SigningSecret
from endpoints.signing_secrets import SecretMaterial
from webhooks_platform.lib import keyring

GRACE_SECONDS_DEFAULT = 86_400
GRACE_SECONDS_MAX = 604_800  # Seven days.
# Every live key signs every delivery, and each signature adds to the request's size.
PREVIOUS_MAX = 10


class TooManySecretsError(Exception):
    """Ten previous secrets still sign; one of them must expire before the next overlap."""


def store_first(endpoint: Endpoint, key: str | None) -> None:
    """Give a new endpoint its secret: `key`, or a fresh HMAC one."""
    _add(endpoint, signing_secrets.parse_secret(key or signing_secrets.generate_hmac()))


def current(endpoint: Endpoint) -> SecretMaterial:
    """Return the secret that signs first; raise KeyringError if it cannot be decrypted."""
    row = endpoint.secrets.get(expires_at__isnull=True)
    text = keyring.configured().open(row.ciphertext, bound_to=endpoint.id)
    return signing_secrets.parse_secret(text.decode())


def reveal(endpoint: Endpoint, actor: Actor, *, reason: str = "") -> SecretMaterial:
    """Return the current secret for showing it to `actor`, and record that, with the reason."""
    with transaction.atomic():
        record_endpoint(
            actor, "secret.revealed", endpoint, **({"reason": reason} if reason else {})
        )
        return current(endpoint)


def rotate(
    endpoint: Endpoint,
    *,
    actor: Actor,
    key: str | None = None,
    grace_seconds: int = GRACE_SECONDS_DEFAULT,
) -> SecretMaterial:
    """Make `key`, or a fresh one of the present kind, the current one; the last signs on a while.

    Who verifies with a public key alone must not be left with a signature that needs a secret.

    The previous secret expires `grace_seconds` from now, which may be 0. Raises
    InvalidSecretError for a bad `key`, ValueError for a bad overlap, TooManySecretsError.
    """
    if not 0 <= grace_seconds <= GRACE_SECONDS_MAX:
        raise ValueError(f"the overlap must be 0 to {GRACE_SECONDS_MAX} seconds")
    given = signing_secrets.parse_secret(key) if key else None
    with transaction.atomic():
        locked = lock_endpoint(endpoint.id)
        material = given or _fresh(locked)
        _retire_current(locked, grace_seconds)
        _add(locked, material)
        touch(locked)
        record_endpoint(
            actor, "secret.rotated", locked, kind=material.kind, graceSeconds=grace_seconds
        )
        announce(announcing.of(locked, Kind.UPDATED))
    return material


def _fresh(endpoint: Endpoint) -> SecretMaterial:
    kind = endpoint.secrets.filter(expires_at__isnull=True).values_list("kind", flat=True).first()
    is_ed25519 = kind == SigningSecret.Kind.ED25519
    make = signing_secrets.generate_ed25519 if is_ed25519 else signing_secrets.generate_hmac
    return signing_secrets.parse_secret(make())


def _retire_current(endpoint: Endpoint, grace_seconds: int) -> None:
    endpoint.secrets.filter(expires_at__lte=Now()).delete()
    previous = endpoint.secrets.filter(expires_at__isnull=False).count()
    # Without an overlap no key is added to those that sign, so a leaked one can always go.
    if grace_seconds and previous >= PREVIOUS_MAX:
        raise TooManySecretsError
    endpoint.secrets.filter(expires_at__isnull=True).update(
        expires_at=Now() + timedelta(seconds=grace_seconds)
    )


def _add(endpoint: Endpoint, material: SecretMaterial) -> None:
    ring = keyring.configured()
    SigningSecret.objects.create(
        endpoint=endpoint,
        kind=material.kind,
        ciphertext=ring.seal(material.text, bound_to=endpoint.id),
        key_id=ring.newest_key_id,
    )
