"""A drill about the key that encrypts the signing secrets: it changes while deliveries run."""

from base64 import b64decode
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from dev.drills.rig import Check, Platform, Rig, new_key, wait_for
from webhooks_platform.lib import ids
from webhooks_platform.lib.keyring import Keyring, key_id_of

_TENANTS = 20
_PER_SECOND = 100.0
_VERIFIED = 300
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of endpoints that get nothing.
_RING = "WEBHOOKS_ENCRYPTION_KEYS"


def keys(rig: Rig, secrets: int) -> list[Check]:
    """Every secret is re-encrypted under load, then the old key goes: all signatures verify."""
    with rig.platform(workers=1, beats=0) as platform:
        apps = [_signed_tenant(platform, number) for number in range(_TENANTS)]
        _add_secrets(platform, rig.ring, secrets)
        new = new_key()
        with platform.load(_PER_SECOND, apps):
            _more_verified(platform)
            _use(platform, f"{new},{rig.ring}")
            _more_verified(platform)
            platform.services.manage("rotate_encryption_key")
            _use(platform, new)
            _more_verified(platform)
        platform.wait_settled(within=60)
        old = platform.query(
            "SELECT count(*) FROM signing_secret WHERE key_id = %s", key_id_of(rig.ring)
        )[0][0]
        receiver = platform.receiver
        return [
            *platform.ledger(),
            Check("secrets", platform.count("signing_secret"), True),
            Check("under the old key", old, old == 0),
            Check("verified", receiver.verified, receiver.verified == receiver.requests),
            Check("failed signatures", receiver.unverified, receiver.unverified == 0),
        ]


def _signed_tenant(platform: Platform, number: int) -> str:
    """Make a tenant with one endpoint, whose secret the receiver knows."""
    path = f"/signed/{number}"
    with platform.client() as client:
        app = client.post("/api/v1/app", json={"name": path}).json()["id"]
        url = platform.receiver.url.replace("/hook", path)
        endpoint = client.post(f"/api/v1/app/{app}/endpoint", json={"url": url}).json()["id"]
        secret = client.get(f"/api/v1/app/{app}/endpoint/{endpoint}/secret").json()["key"]
    platform.receiver.keys[path] = b64decode(secret.removeprefix("whsec_"))
    return str(app)


def _add_secrets(platform: Platform, ring: str, count: int) -> None:
    """Add endpoints that nothing is sent to, each with a secret."""
    keyring, now = Keyring([ring]), datetime.now(UTC)
    tenant = platform.query("SELECT id FROM tenant ORDER BY id LIMIT 1")[0][0]
    made: list[UUID] = [ids.new() for _ in range(count)]
    with psycopg.connect(platform.database_url) as connection:
        # Disabled, so that the tenant's own events do not go there.
        with connection.cursor().copy(
            "COPY endpoint (id, tenant_id, url, description, metadata, policy, version, "
            "created_at, updated_at, disabled_at) FROM STDIN"
        ) as copy:
            for row in made:
                copy.write_row((row, tenant, "http://127.0.0.1:9/", "", "{}", "{}", 1, *[now] * 3))
        with connection.cursor().copy(
            "COPY signing_secret (id, endpoint_id, kind, ciphertext, key_id, created_at) FROM STDIN"
        ) as copy:
            for row in made:
                token = keyring.seal(_SECRET, bound_to=row)
                copy.write_row((ids.new(), row, "hmac", token, keyring.newest_key_id, now))


def _use(platform: Platform, ring: str) -> None:
    """Restart the API and the worker with another ring."""
    services = platform.services
    services.environment[_RING] = ring
    for process in (services.api, *services.workers):
        process.restart()
    services.wait()


def _more_verified(platform: Platform) -> None:
    receiver = platform.receiver
    wanted = receiver.verified + receiver.unverified + _VERIFIED
    wait_for("deliveries", lambda: receiver.verified + receiver.unverified >= wanted, within=60)
