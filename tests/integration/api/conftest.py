"""One server for each module, and an organization to talk to it about; rows are committed."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from endpoints import api_keys
from endpoints.models import Organization, Tenant
from tests import rows
from tests.server import Server, database_url, running_server

MESSAGE = {"eventType": "invoice.paid", "payload": {"amount": 1}}


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with running_server({"DATABASE_URL": database_url()}) as running:
        yield running


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    """The default one; what a test commits is gone after it."""
    return rows.organization()


@pytest.fixture
def tenant(organization: Organization) -> Tenant:
    return rows.tenant(uid="alice")


def make_key(organization: Organization, *scopes: str, tenant: Tenant | None = None) -> str:
    _, key = api_keys.create(
        organization=organization,
        name="test",
        scopes=scopes or ["publish", "manage"],
        tenant=tenant,
    )
    return key


class Client:
    """Speaks HTTP to the server with one key; every call is one request."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        self.headers = {"authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=f"{server.url}/api/v1", headers=self.headers)

    def publish(
        self, app: str, message: Any = MESSAGE, *, query: str = "", **headers: str
    ) -> httpx.Response:
        """POST a message, or a body as it is; `_` in a header's name becomes `-`."""
        return self.post(f"/app/{app}/msg{query}", message, **headers)

    def post(self, path: str, message: Any, **headers: str) -> httpx.Response:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(
            path,
            content=body,
            headers={"content-type": "application/json", **named},
        )


@pytest.fixture
def key(organization: Organization) -> str:
    return make_key(organization)


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[[str], Client]]:
    """Make a client for a key; all are closed at the end."""
    with ExitStack() as stack:

        def connect(key: str) -> Client:
            client = Client(server, key)
            stack.enter_context(client.http)
            return client

        yield connect


@pytest.fixture
def client(connect: Callable[[str], Client], key: str) -> Client:
    return connect(key)
