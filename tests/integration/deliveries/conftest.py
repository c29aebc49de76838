import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from deliveries.models import Event
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import make_endpoint, make_event, make_tenant

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test's coroutine on the loop of development, and on that of production."""

    def runner(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as loop:
            loop.run(main)

    return runner


@pytest.fixture
def tenant(db: None) -> Tenant:
    return make_tenant()


@pytest.fixture
def endpoint(tenant: Tenant) -> Endpoint:
    return make_endpoint(tenant)


@pytest.fixture
def event(tenant: Tenant) -> Event:
    return make_event(tenant)
