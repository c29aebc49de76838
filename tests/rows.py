"""Makes committed rows of the data model for tests, with defaults for what a test leaves open."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from deliveries.models import (
    DeliveryStatus,
    Event,
    Lease,
    OpenDelivery,
    SettledDelivery,
)
from endpoints.models import Endpoint, Organization, SigningSecret, Tenant
from webhooks_platform.lib import ids, keyring

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PAYLOAD = b'{"amount": 1.10, "currency":"EUR"}'


def organization() -> Organization:
    """Return the default organization, also after a test has emptied every table."""
    return Organization.objects.get_or_create(is_default=True, defaults={"name": "default"})[0]


def tenant(**values: Any) -> Tenant:
    return Tenant.objects.create(**{"organization": organization(), "name": "Alice", **values})


def endpoint(of: Tenant, **values: Any) -> Endpoint:
    """Make an endpoint with one HMAC secret, SECRET."""
    made = Endpoint.objects.create(**{"tenant": of, "url": "http://127.0.0.1:9/", **values})
    ring = keyring.configured()
    SigningSecret.objects.create(
        endpoint=made,
        kind="hmac",
        ciphertext=ring.seal(SECRET, bound_to=made.id),
        key_id=ring.newest_key_id,
    )
    return made


def event(of: Tenant, **values: Any) -> Event:
    defaults = {
        "id": ids.new(),
        "organization_id": of.organization_id,
        "tenant_id": of.id,
        "event_type": "invoice.paid",
        "payload": PAYLOAD,
    }
    return Event.objects.create(**{**defaults, **values})


def delivery_id(event_id: UUID, endpoint_id: UUID) -> UUID:
    """Ask the database for the id of the pair's delivery."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT delivery_id(%s, %s)", [event_id, endpoint_id])
        return UUID(str(cursor.fetchone()[0]))


def open_delivery(of: Event, to: Endpoint, *, due_in: float = -1.0, **values: Any) -> OpenDelivery:
    """Make a delivery that is due in so many seconds."""
    return OpenDelivery.objects.create(
        **{
            **_facts(of, to),
            "status": DeliveryStatus.PENDING,
            "next_attempt_at": datetime.now(UTC) + timedelta(seconds=due_in),
            **values,
        }
    )


def backlog(tenant: Tenant, count: int, **values: Any) -> Endpoint:
    """Make an endpoint with so many due deliveries, each of an event of its own."""
    made = endpoint(tenant, **values)
    for _ in range(count):
        open_delivery(event(tenant), made)
    return made


def settled_delivery(of: Event, to: Endpoint, **values: Any) -> SettledDelivery:
    defaults = {"status": DeliveryStatus.DELIVERED, "settled_at": datetime.now(UTC), "attempts": 1}
    return SettledDelivery.objects.create(**{**_facts(of, to), **defaults, **values})


def expire_leases() -> None:
    """Let every lease be over, as if its worker had died that long ago."""
    Lease.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))


def without_leases() -> None:
    """Remove every lease, as the sweep does; for use in another thread."""
    Lease.objects.all().delete()
    connection.close()


def _facts(of: Event, to: Endpoint) -> dict[str, Any]:
    return {
        "id": delivery_id(of.id, to.id),
        "event_id": of.id,
        "endpoint_id": to.id,
        "tenant_id": of.tenant_id,
    }
