"""/app/{}/msg over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import DeliveryStatus, Event
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.rows import make_event, make_open, the_delivery
from tests.integration.endpoints.conftest import Api
from webhooks_platform.lib import ids


def names(answer: Any) -> list[str]:
    return [row["id"] for row in answer["data"]]


def test_an_event_is_shown_with_the_payloads_own_bytes(api: Api, event: Event) -> None:
    answer = api.send("GET", f"/app/alice/msg/{event}")

    stamp = ids.timestamp(event.id).isoformat().replace("+00:00", "Z")
    assert answer.content.decode() == (
        f'{{"id":"{event}","eventId":"order-1","eventType":"invoice.paid",'
        f'"channels":["eu"],"payload":{{"amount": 1.10}},"timestamp":"{stamp}"}}'
    )
    assert answer["content-type"] == "application/json"


def test_an_event_is_found_by_its_event_id_too(api: Api, event: Event) -> None:
    shown = api("GET", "/app/alice/msg/order-1", status=200)

    assert shown == api("GET", f"/app/alice/msg/{event}", status=200)


def test_without_content_the_payload_is_empty(api: Api, event: Event) -> None:
    path = "/app/alice/msg?with_content=false"

    assert api("GET", path, status=200)["data"][0]["payload"] == {}
    one = api("GET", f"/app/alice/msg/{event}?with_content=false", status=200)
    assert one["payload"] == {}


def test_the_list_pages_in_both_directions(api: Api, alice: Tenant) -> None:
    made = [str(make_event(alice)) for _ in range(5)][::-1]

    first = api("GET", "/app/alice/msg?limit=2", status=200)
    second = api("GET", f"/app/alice/msg?limit=2&iterator={first['iterator']}", status=200)
    third = api("GET", f"/app/alice/msg?limit=2&iterator={second['iterator']}", status=200)
    back = api("GET", f"/app/alice/msg?limit=2&iterator={third['prevIterator']}", status=200)

    assert names(first) + names(second) + names(third) == made
    assert [page["done"] for page in (first, second, third)] == [False, False, True]
    assert (first["iterator"], second["prevIterator"]) == (made[1], f"-{made[2]}")
    assert (names(back), back["done"]) == (made[2:4], False)


def test_an_empty_list_has_no_iterators(api: Api, alice: Tenant) -> None:
    empty = {"data": [], "iterator": None, "done": True}

    assert api("GET", "/app/alice/msg", status=200) == empty


@pytest.mark.parametrize(
    "query",
    [
        "event_types=a,b",
        "event_types[]=a&event_types[]=b",
        "event_types%5B0%5D=a&event_types%5B1%5D=b",
        "event_types=a&event_types=b&unknown=1",
    ],
)
def test_event_types_are_read_in_every_spelling(api: Api, alice: Tenant, query: str) -> None:
    wanted = [str(make_event(alice, event_type=name)) for name in ("a", "b")]
    make_event(alice, event_type="c")

    assert names(api("GET", f"/app/alice/msg?{query}", status=200)) == wanted[::-1]


def test_events_are_filtered_by_channel_and_time(api: Api, alice: Tenant) -> None:
    now = timezone.now()
    old = make_event(alice, at=now - timedelta(days=3))
    mid = make_event(alice, at=now - timedelta(days=2), channels=["eu"])
    new = make_event(alice, at=now - timedelta(days=1))
    stamp = ids.timestamp(mid.id).isoformat()

    def found(query: str) -> list[str]:
        return names(api("GET", f"/app/alice/msg?{query}", status=200))

    assert found("channel=eu") == [str(mid)]
    assert found(f"before={stamp.replace('+', '%2B')}") == [str(old)]
    assert found(f"after={stamp}") == [str(new)]
    assert found("before=2001-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "place"),
    [
        pytest.param("limit=0", ["query", "limit", "limit"], id="no rows"),
        pytest.param("limit=251", ["query", "limit", "limit"], id="too many rows"),
        pytest.param("iterator=msg_x", ["query", "iterator"], id="malformed iterator"),
        pytest.param("iterator=ep_01kfexkp00e008000000000enk", ["query", "iterator"], id="other"),
        pytest.param("before=yesterday", ["query", "before"], id="no time"),
        pytest.param("after=2026-01-01T00:00:00", ["query", "after"], id="no offset"),
        pytest.param("before=0001-01-01T00:00:00%2B23:59", ["query", "before"], id="before time"),
        pytest.param("with_content=perhaps", ["query", "with_content"], id="no boolean"),
        pytest.param("event_types=a%00", ["query", "event_types"], id="NUL"),
        pytest.param("channel=a%20b", ["query", "channel"], id="space"),
    ],
)
def test_a_bad_parameter_is_named(api: Api, alice: Tenant, query: str, place: list[str]) -> None:
    answer = api("GET", f"/app/alice/msg?{query}", status=422)

    assert [fault["loc"] for fault in answer["detail"]] == [place]


@pytest.mark.parametrize(
    "iterator", ["msg_7zzzzzzzzzzzzzzzzzzzzzzzzz", "-msg_7zzzzzzzzzzzzzzzzzzzzzzzzz"]
)
def test_an_id_of_the_far_future_is_a_valid_iterator(api: Api, event: Event, iterator: str) -> None:
    assert api("GET", f"/app/alice/msg?iterator={iterator}", status=200)["done"] is True


def test_content_is_expunged_once_and_for_all(api: Api, event: Event, endpoint: Endpoint) -> None:
    make_open(event, endpoint, attempts=1)

    assert api("DELETE", "/app/alice/msg/order-1/content", status=204) is None

    assert api("GET", "/app/alice/msg/order-1", status=200)["payload"] == {"expired": True}
    assert the_delivery(event, endpoint).status == DeliveryStatus.CANCELLED
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("event.payload_expunged", str(event))
    shown = api("GET", "/app/alice/msg/order-1/endpoint", status=200)["data"][0]
    assert (shown["status"], shown["nextAttempt"]) == (4, None)


def test_a_tenants_own_key_cannot_expunge(alice_api: Api, event: Event) -> None:
    alice_api("DELETE", "/app/alice/msg/order-1/content", status=403)

    event.refresh_from_db()
    assert event.payload is not None
