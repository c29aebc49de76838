"""Lists with a filter that few rows pass: short pages, from which one goes on."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import DeliveryStatus, Event
from deliveries.queries import paging
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import make_attempt, make_event, make_settled
from tests.integration.endpoints.conftest import Api

RARE = (3, 17, 18, 39)
MADE = 40


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time be over after the first look of ten rows."""
    monkeypatch.setattr(paging, "LOOK", 10)
    monkeypatch.setattr(paging, "PATIENCE", -1.0)


@pytest.fixture
def rare(alice: Tenant, endpoint: Endpoint) -> list[Event]:
    """The few events of the type `rare` among many, newest first."""
    began = timezone.now() - timedelta(hours=1)
    made = []
    for number in range(MADE):
        kind = "rare" if number in RARE else "usual"
        at = began + timedelta(seconds=number)
        event = make_event(alice, event_type=kind, at=at)
        make_settled(event, endpoint, DeliveryStatus.DELIVERED)
        make_attempt(event, endpoint, at=at)
        if kind == "rare":
            made.append(event)
    return made[::-1]


def walk(api: Api, path: str, way: str, start: str = "") -> list[dict[str, Any]]:
    """Return the pages up to the one that is done; `way` is the iterator to follow."""
    page = api("GET", path + start, status=200)
    pages = [page]
    while not page["done"]:
        assert len(pages) <= MADE
        page = api("GET", f"{path}&iterator={page[way]}", status=200)
        pages.append(page)
    return pages


def names(pages: list[dict[str, Any]], name: str = "id") -> list[str]:
    return [row[name] for page in pages for row in page["data"]]


def test_iterating_finds_every_event_once(api: Api, rare: list[Event]) -> None:
    pages = walk(api, "/app/alice/msg?event_types=rare&limit=2", "iterator")

    assert names(pages) == [str(event) for event in rare]
    # Each looked at thirteen rows: the page's two and one more, then ten.
    assert [len(page["data"]) for page in pages] == [1, 2, 1, 0]


def test_an_empty_page_that_is_not_done_says_where_to_go_on(api: Api, rare: list[Event]) -> None:
    page = api("GET", "/app/alice/msg?channel=none&limit=1", status=200)

    assert (page["data"], page["done"]) == ([], False)
    assert page["iterator"].startswith("msg_")
    assert "prevIterator" not in page


def test_going_backwards_finds_the_same(api: Api, rare: list[Event]) -> None:
    path = "/app/alice/msg?event_types=rare&limit=2"

    pages = walk(api, path, "prevIterator", f"&iterator=-{rare[-1]}")

    assert names(pages[::-1]) == [str(event) for event in rare[:-1]]


def test_attempts_of_an_endpoint_are_found(api: Api, rare: list[Event], endpoint: Endpoint) -> None:
    pages = walk(api, f"/app/alice/attempt/endpoint/{endpoint.uid}?event_types=rare", "iterator")

    assert names(pages, "msgId") == [str(event) for event in rare]


@pytest.mark.parametrize("wanted", ["event_types=rare", "event_types=rare&status=0"])
def test_attempted_messages_are_found(
    api: Api, rare: list[Event], endpoint: Endpoint, wanted: str
) -> None:
    pages = walk(api, f"/app/alice/endpoint/{endpoint.uid}/msg?{wanted}&limit=1", "iterator")

    assert names(pages) == [str(event) for event in rare]


@pytest.mark.parametrize("status", [1, 2, 4])
def test_statuses_that_an_index_tells_are_not_looked_for(
    api: Api, rare: list[Event], endpoint: Endpoint, status: int
) -> None:
    page = api("GET", f"/app/alice/endpoint/{endpoint.uid}/msg?status={status}&limit=1", status=200)

    assert page == {"data": [], "iterator": None, "done": True}


def test_without_hurry_one_page_has_them_all(
    api: Api, rare: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PATIENCE", 60.0)

    [page] = walk(api, "/app/alice/msg?event_types=rare", "iterator")

    assert names([page]) == [str(event) for event in rare]
    assert page["iterator"] == str(rare[-1])
