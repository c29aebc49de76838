"""A tenant with a name of markup, a hostile event, and who looks at them."""

from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client

from deliveries.models import DeadLetter, DeliveryStatus, Event, Replay, Trigger
from endpoints import memberships
from endpoints.audit import Actor
from endpoints.models import Endpoint, Membership, Tenant
from endpoints.roles import Role
from tests.integration.deliveries.rows import (
    make_attempt,
    make_endpoint,
    make_event,
    make_settled,
    make_tenant,
)

LETTERS = "/admin/deliveries/deadletter"
NOTE = {"note": "receiver mended"}
HOSTILE = "</pre><script>alert(1)</script>{% csrf_token %}\u202e"


@pytest.fixture(autouse=True)
def _no_hints() -> Any:
    with patch("deliveries.wake.hint_after_commit"):
        yield


@pytest.fixture
def alice() -> Tenant:
    return make_tenant("Alice & <b>sons</b>")


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:
    return make_endpoint(alice, uid="hook")


@pytest.fixture
def event(alice: Tenant) -> Event:
    payload = f'{{"note": "{HOSTILE}"}}'.encode()
    return make_event(alice, uid="order-1", event_type="a.b", payload=payload)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


@pytest.fixture
def operator() -> Client:
    return client_of(User.objects.create_superuser("root"))


@pytest.fixture
def member(alice: Tenant) -> Client:
    user = User.objects.create_user("bob", is_staff=True)
    Membership.objects.create(user=user, tenant=alice)
    return client_of(user)


@pytest.fixture
def support(alice: Tenant) -> Client:
    user = User.objects.create_user("sue")
    membership = Membership(user=user, role=Role.SUPPORT, organization=alice.organization)
    memberships.add(membership, actor=Actor("test"))
    return client_of(user)


@pytest.fixture
def outsider() -> Client:
    user = User.objects.create_user("eve", is_staff=True)
    Membership.objects.create(user=user, tenant=make_tenant("Charlie"))
    return client_of(user)


@pytest.fixture
def pages(event: Event, endpoint: Endpoint) -> dict[str, str]:
    """One row of each kind, and the address of its page."""
    settled = make_settled(event, endpoint, DeliveryStatus.DEAD, attempts=6)
    attempt = make_attempt(
        event, endpoint, status_code=503, response=HOSTILE, trigger=Trigger.MANUAL
    )
    owned = {"tenant_id": event.tenant_id, "organization_id": event.organization_id}
    job = Replay.objects.create(source="resend", created_by=HOSTILE, **owned)
    letter = DeadLetter.objects.create(
        delivery_id=settled.id, event_id=event.id, endpoint_id=endpoint.id, event_type="a.b",
        reason="exhausted", attempts=6, last_attempt_id=attempt.id, note=HOSTILE, **owned,
    )  # fmt: skip
    found = {
        "event": event, "delivery": settled, "attempt": attempt, "deadletter": letter,
        "replay": job,
    }  # fmt: skip
    return {name: f"/admin/deliveries/{name}/{row.pk}/change/" for name, row in found.items()}
