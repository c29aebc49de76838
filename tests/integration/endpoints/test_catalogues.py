"""What a process remembers of a catalogue: asked for rarely, read again only when it has grown."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from endpoints import catalogues, event_types, organizations, tenants
from endpoints.catalogues import Catalogue, Catalogues
from endpoints.models import EventType, Organization, Tenant
from tests import rows
from tests.integration.endpoints.conftest import ACTOR
from webhooks_platform.lib.database import Connection, connect

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {"type": "object", "required": ["a"]}


class Watched:
    """A connection that keeps what it is asked."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.asked: list[str] = []

    async def execute(self, query: Any, values: Any) -> Any:
        self.asked.append(query)
        return await self.connection.execute(query, values)


def loaded(known: Catalogues, organization: Organization, times: int = 1) -> tuple[Any, list[str]]:
    """Return the catalogue and the statements that it took, asked for so often at once."""

    async def run() -> tuple[Catalogue, list[str]]:
        async with await connect("test") as connection:
            watched = Watched(connection)
            found = await asyncio.gather(
                *(known.load(organization.id, watched) for _ in range(times))  # type: ignore[arg-type]
            )
            return found[0], watched.asked

    return asyncio.run(run())


@contextmanager
def later(seconds: float) -> Iterator[None]:
    real = catalogues.time.monotonic
    with patch.object(catalogues.time, "monotonic", lambda: real() + seconds):
        yield


@pytest.fixture
def organization() -> Organization:
    return rows.organization()


@pytest.fixture
def paid(organization: Organization) -> EventType:
    values: Any = {"description": "d", "schemas": {"1": SCHEMA}, "validates_payloads": True}
    return event_types.create(organization.id, "invoice.paid", values, actor=ACTOR)


def test_many_that_ask_at_once_take_one_look(organization: Organization, paid: EventType) -> None:
    known = Catalogues()

    found, asked = loaded(known, organization, times=20)

    assert asked == [catalogues.VERSION, catalogues.EVENT_TYPES, catalogues.RULES]
    assert found.types == {"invoice.paid": {"1": SCHEMA}}
    assert known.recall(organization.id) is found
    with later(5):
        assert known.recall(organization.id) is None


def test_it_is_read_again_only_after_a_change(organization: Organization, paid: EventType) -> None:
    known = Catalogues()
    first, _ = loaded(known, organization)

    with later(5):
        same, asked = loaded(known, organization)
    event_types.update(paid, {"validates_payloads": False}, actor=ACTOR)
    with later(10):
        changed, _ = loaded(known, organization)

    assert (same is first, asked) == (True, [catalogues.VERSION])
    assert changed.types == {"invoice.paid": None}


def test_every_change_that_counts_raises_the_version(
    organization: Organization, paid: EventType
) -> None:
    def version() -> int:
        return Organization.objects.get(id=organization.id).catalogue_version

    def grown(before: int) -> bool:
        return version() == before + 1

    before = version()
    tenant = tenants.create(organization.id, {"name": "quiet"}, actor=ACTOR)
    assert version() == before
    tenants.update(tenant, {"policy": {"unknownEventTypes": "refuse"}}, actor=ACTOR)
    assert grown(before)
    tenants.update(tenant, {"uid": "t"}, actor=ACTOR)
    tenants.delete(tenant, actor=ACTOR)
    assert version() == before + 3
    event_types.expunge(paid, actor=ACTOR)
    assert version() == before + 4
    organization.validates_payloads = True
    organizations.save(organization, changed=["validates_payloads"], actor=ACTOR)
    assert version() == before + 5


def test_a_tenants_rule_is_found_by_id_and_uid(organization: Organization) -> None:
    policy = {"unknownEventTypes": "refuse"}
    tenant = rows.tenant(uid="strict", policy=policy)
    other: Tenant = rows.tenant(uid="other")
    found, _ = loaded(Catalogues(), organization)

    assert [found.refuses("x", name) for name in (tenant.id, "strict", other.id, "other")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_stored_schema_that_is_none_is_told_of(organization: Organization) -> None:
    EventType.objects.create(
        organization=organization, name="bad", schemas={"3": {"type": 5}}, validates_payloads=True
    )
    found, _ = loaded(Catalogues(), organization)

    assert found.validator("bad") == catalogues.Validator("3", None)
