"""The admin's pages of what was sent."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import DeadLetter, DeliveryStatus, Event
from deliveries.queries.deliveries import delivery_id
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_attempt,
    make_endpoint,
    make_event,
    make_open,
    make_settled,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db

LISTS = ["event", "delivery", "attempt", "deadletter", "replay"]


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def listed(client: Client, name: str, query: str = "") -> str:
    return page(client, f"/admin/deliveries/{name}/?{query}")


@pytest.mark.parametrize("name", LISTS)
def test_lists_take_few_queries_and_escape(
    operator: Client, pages: dict[str, str], name: str
) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown = listed(operator, name)

    assert pages[name].split("/")[4] in shown
    assert "Alice &amp; &lt;b&gt;sons&lt;/b&gt;" in shown
    assert "<script>alert" not in shown
    assert len(queries) <= 12
    assert not [
        query for query in queries if "COUNT(*)" in query["sql"] and "LIMIT" not in query["sql"]
    ]


@pytest.mark.parametrize("name", LISTS)
def test_pages_show_hostile_text_as_text(
    operator: Client, pages: dict[str, str], name: str
) -> None:
    shown = page(operator, pages[name])

    assert "<script>alert" not in shown
    if name in ("attempt", "delivery"):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert 'name="_save"' not in shown


@pytest.mark.parametrize("name", LISTS)
def test_a_member_sees_the_own_tenants_rows(
    member: Client, pages: dict[str, str], name: str
) -> None:
    assert pages[name].split("/")[4] in listed(member, name)
    page(member, pages[name])


@pytest.mark.parametrize("name", LISTS)
def test_a_member_of_another_tenant_sees_nothing(
    outsider: Client, pages: dict[str, str], event: Event, endpoint: Endpoint, name: str
) -> None:
    queries = ["", f"q={event}", "q=order-1"]
    if name not in ("event", "replay"):
        queries.append(f"endpoint={ids.to_text(ids.ENDPOINT, endpoint.id)}")
    for query in queries:
        shown = listed(outsider, name, query)
        assert pages[name].split("/")[4] not in shown
        assert "receiver.example" not in shown and ">hook<" not in shown
    assert outsider.get(pages[name]).status_code == 302
    assert outsider.get(pages[name].replace("change", "history")).status_code == 404


@pytest.mark.parametrize("name", LISTS)
def test_nothing_is_added_changed_or_deleted_here(
    operator: Client, pages: dict[str, str], name: str
) -> None:
    assert operator.get(f"/admin/deliveries/{name}/add/").status_code == 403
    assert operator.post(pages[name], {"status": "3"}).status_code == 403
    assert (
        operator.post(pages[name].replace("change", "delete"), {"post": "yes"}).status_code == 403
    )


@pytest.mark.parametrize("name", LISTS)
def test_without_signing_in_there_is_only_the_form(pages: dict[str, str], name: str) -> None:
    answer = Client().get(pages[name])

    assert answer.status_code == 302
    assert answer["location"].startswith("/admin/login/")


def test_pasted_ids_find_rows(
    operator: Client, pages: dict[str, str], event: Event, endpoint: Endpoint, alice: Tenant
) -> None:
    make_settled(make_event(alice), make_endpoint(alice), DeliveryStatus.DELIVERED)
    attempt = ids.to_text(ids.ATTEMPT, DeadLetter.objects.get().last_attempt_id)
    delivery = delivery_id(event.id, endpoint.id)

    for text in (
        str(event),
        f"  {event} ",
        "order-1",
        ids.to_text(ids.ENDPOINT, endpoint.id),
        ids.to_text(ids.DELIVERY, delivery),
        attempt,
    ):
        shown = listed(operator, "delivery", f"q={text}")
        assert (str(delivery) in shown, "1 delivery" in shown) == (True, True), text
    both = listed(operator, "delivery", f"q={ids.to_text(ids.TENANT, alice.id)}")
    assert "2 deliver" in both


@pytest.mark.parametrize("text", ["msg_nonsense", "dlv_", "%27%3B--", "nobody", "ep_" + "z" * 26])
@pytest.mark.parametrize("name", LISTS)
def test_other_text_finds_none(
    operator: Client, pages: dict[str, str], name: str, text: str
) -> None:
    assert pages[name].split("/")[4] not in listed(operator, name, f"q={text}")


def test_deliveries_are_filtered_by_status_and_endpoint(
    operator: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    waiting = make_open(make_event(alice), endpoint)
    parked = make_settled(make_event(alice), make_endpoint(alice), DeliveryStatus.PARKED)

    def found(query: str) -> list[bool]:
        shown = listed(operator, "delivery", query)
        return [str(row.id) in shown for row in (waiting, parked)]

    assert found("") == [True, True]
    assert found("status=pending") == [True, False]
    assert found("status=parked") == [False, True]
    assert found("status=dead") == [False, False]
    assert found(f"endpoint={ids.to_text(ids.ENDPOINT, endpoint.id)}") == [True, False]
    assert found("endpoint=nonsense") == [False, False]


def test_dead_letters_are_the_open_ones_unless_asked(
    operator: Client, pages: dict[str, str]
) -> None:
    DeadLetter.objects.update(decision="discarded")
    row = pages["deadletter"].split("/")[4]

    assert row not in listed(operator, "deadletter")
    assert row in listed(operator, "deadletter", "decision=all")
    assert row in listed(operator, "deadletter", "decision=discarded&reason=exhausted")
    assert row not in listed(operator, "deadletter", "decision=replayed")


def test_an_unoffered_lookup_is_refused(operator: Client, pages: dict[str, str]) -> None:
    answer = operator.get("/admin/deliveries/event/?payload__startswith=a")

    assert answer.status_code == 400


def test_a_delivery_shows_why_it_waits_and_its_attempts(
    member: Client, event: Event, endpoint: Endpoint
) -> None:
    retry_at = timezone.now() + timedelta(hours=2)
    row = make_open(event, endpoint, attempts=2, wait=1, next_attempt_at=retry_at)
    first, second = (make_attempt(event, endpoint, number=n, status_code=429) for n in (1, 2))

    shown = page(member, f"/admin/deliveries/delivery/{row.id}/change/")

    assert "retry after" in shown
    assert f"{retry_at:%Y-%m-%d %H:%M:%S}" in shown
    assert shown.index(str(first.id)) < shown.index(str(second.id))
    assert str(event) in shown


def test_events_are_filtered_by_type_and_time(operator: Client, alice: Tenant) -> None:
    old = make_event(alice, event_type="a", at=timezone.now() - timedelta(hours=2))
    new = make_event(alice, event_type="b")

    def found(query: str) -> list[bool]:
        shown = listed(operator, "event", query)
        return [str(row.id) in shown for row in (old, new)]

    assert found("event_type=a") == [True, False]
    assert found("since=1h") == [False, True]
    assert found("since=24h&event_type=a") == [True, False]
    assert found("since=nonsense") == [True, True]
