"""The clients and tenants of the endpoints' tests, an endpoint of Alice's and an event."""

from typing import Any
from unittest.mock import patch

import pytest

from deliveries.models import Event
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import make_endpoint, make_event
from tests.integration.endpoints.conftest import (  # noqa: F401 - fixtures
    alice,
    alice_api,
    api,
    charlie,
    charlie_api,
    organization,
    reader,
    stranger,
    stranger_organization,
)


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:  # noqa: F811
    return make_endpoint(alice, uid="hook")


@pytest.fixture
def event(alice: Tenant) -> Event:  # noqa: F811
    return make_event(alice, uid="order-1", channels=["eu"], payload=b'{"amount": 1.10}')


@pytest.fixture
def hints() -> Any:
    with patch("deliveries.wake.hint_after_commit") as hinted:
        yield hinted
