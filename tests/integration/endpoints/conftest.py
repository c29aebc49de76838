"""Two organizations, tenants Alice and Charlie, and a client for each kind of key."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from endpoints import api_keys, closing
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Membership, Organization, Tenant
from tests import rows

ACTOR = Actor("tester", "request-1")


class Api:
    """Speaks JSON below /api/v1 with one key."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(headers={"authorization": f"Bearer {key}"})

    def __call__(
        self, method: str, path: str, body: Any = None, status: int | None = None, **options: Any
    ) -> Any:
        """Return the decoded answer, after checking that its status is the wanted one."""
        answer = self.send(method, path, body, **options)
        if status is not None:
            assert answer.status_code == status, answer.content
        return json.loads(answer.content) if answer.content else None

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.client.generic(
            method,
            f"/api/v1{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            **options,
        )


def api_of(organization: Organization, *scopes: str, tenant: Tenant | None = None) -> Api:
    _, key = api_keys.create(organization=organization, name="test", scopes=scopes, tenant=tenant)
    return Api(key)


@pytest.fixture
def organization(db: None) -> Organization:
    return rows.organization()


@pytest.fixture
def stranger_organization(db: None) -> Organization:
    return Organization.objects.create(name="other")


@pytest.fixture
def alice(organization: Organization) -> Tenant:
    return rows.tenant(name="Alice", uid="alice")


@pytest.fixture
def charlie(organization: Organization) -> Tenant:
    return rows.tenant(name="Charlie", uid="charlie")


@pytest.fixture
def api(organization: Organization) -> Api:
    """The organization's key, with all scopes."""
    return api_of(organization, "publish", "manage")


@pytest.fixture
def reader(organization: Organization) -> Api:
    return api_of(organization, "read")


@pytest.fixture
def stranger(stranger_organization: Organization) -> Api:
    return api_of(stranger_organization, "publish", "manage")


@pytest.fixture
def alice_api(alice: Tenant) -> Api:
    return api_of(alice.organization, "manage", tenant=alice)


@pytest.fixture
def charlie_api(charlie: Tenant) -> Api:
    return api_of(charlie.organization, "manage", tenant=charlie)


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def member(alice: Tenant) -> Client:
    user = User.objects.create_user("anna", is_staff=True)
    Membership.objects.create(user=user, tenant=alice)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, str]]]:
    """What listeners hear of closing endpoints, instead of the deliveries' own."""
    heard: list[tuple[Any, str]] = []
    monkeypatch.setattr(
        closing, "_listeners", [lambda ids, ending: heard.append((list(ids), ending.value))]
    )
    yield heard


def audited() -> list[tuple[str, str]]:
    """Return (action, target) of all audit entries, oldest first."""
    return list(AuditEntry.objects.order_by("id").values_list("action", "target"))


def page(name: str, *arguments: Any) -> str:
    """Return the path of an admin page of the endpoints app."""
    return reverse(f"admin:endpoints_{name}", args=arguments)
