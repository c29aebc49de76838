"""Attempted messages and destinations, what happens next, and resending, over HTTP."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.utils import timezone

from deliveries.models import DeadLetter, DeliveryStatus, Event, OpenDelivery, Replay, Wait
from endpoints.models import Endpoint, EndpointHealth, Tenant, Throttle
from tests.integration.deliveries.rows import (
    make_endpoint,
    make_event,
    make_open,
    make_sending,
    make_settled,
    the_delivery,
)
from tests.integration.endpoints.conftest import Api
from webhooks_platform.lib import ids

SOON = timedelta(minutes=5)


def wire(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (DeliveryStatus.DELIVERED, "success"),
        (DeliveryStatus.DEAD, "fail"),
        (DeliveryStatus.PARKED, "fail"),
        (DeliveryStatus.CANCELLED, "canceled"),
    ],
)
def test_a_settled_delivery_is_what_its_last_attempt_was(
    api: Api, event: Event, endpoint: Endpoint, status: DeliveryStatus, text: str
) -> None:
    make_settled(event, endpoint, status, attempts=3)
    expected = {
        "status": {"success": 0, "fail": 2, "canceled": 4}[text],
        "statusText": text,
        "nextAttempt": None,
    }

    messages = api("GET", "/app/alice/endpoint/hook/msg", status=200)
    destinations = api("GET", "/app/alice/msg/order-1/endpoint", status=200)

    shown = api("GET", "/app/alice/msg/order-1", status=200)
    receiver = api("GET", "/app/alice/endpoint/hook", status=200)
    assert messages["data"] == [shown | expected]
    assert destinations["data"] == [receiver | expected]
    assert destinations["done"] is True


def test_an_open_delivery_is_sending_once_an_attempt_has_ended(
    api: Api, alice: Tenant, endpoint: Endpoint
) -> None:
    due = timezone.now() + SOON
    retried = make_event(alice)
    make_open(retried, endpoint, attempts=1, next_attempt_at=due)
    again = make_event(alice)
    make_sending(again, endpoint, attempts=2, last_status_code=500, next_attempt_at=due)
    make_open(make_event(alice), endpoint)
    make_sending(make_event(alice), endpoint)
    make_settled(make_event(alice), endpoint, DeliveryStatus.PARKED)

    data = api("GET", "/app/alice/endpoint/hook/msg", status=200)["data"]

    assert [row["id"] for row in data] == [str(again), str(retried)]
    assert {(row["status"], row["statusText"], row["nextAttempt"]) for row in data} == {
        (3, "sending", wire(due))
    }


def test_attempted_messages_are_filtered(api: Api, alice: Tenant, endpoint: Endpoint) -> None:
    good = make_event(alice, event_type="a", channels=["eu"])
    bad, waiting = make_event(alice, event_type="b"), make_event(alice)
    make_settled(good, endpoint, DeliveryStatus.DELIVERED)
    make_settled(bad, endpoint, DeliveryStatus.DEAD, attempts=6)
    make_open(waiting, endpoint, attempts=1)

    def found(query: str) -> list[str]:
        answer = api("GET", f"/app/alice/endpoint/hook/msg?{query}", status=200)
        return [row["id"] for row in answer["data"]]

    assert found("status=0") == [str(good)]
    assert found("status=1") == found("status=4") == []
    assert found("status=2") == [str(bad)]
    assert found("status=3") == [str(waiting)]
    assert found("channel=eu") == [str(good)]
    assert found("event_types=b,a") == [str(bad), str(good)]
    assert found(f"before={wire(ids.timestamp(good.id))}") == []


def test_attempted_messages_page_in_both_directions(
    api: Api, alice: Tenant, endpoint: Endpoint
) -> None:
    made = [make_event(alice) for _ in range(5)]
    for event in made:
        make_settled(event, endpoint, DeliveryStatus.DELIVERED)
    newest_first = [str(event) for event in reversed(made)]
    path = "/app/alice/endpoint/hook/msg?limit=3"

    first = api("GET", path, status=200)
    second = api("GET", f"{path}&iterator={first['iterator']}", status=200)
    back = api("GET", f"{path}&iterator={second['prevIterator']}", status=200)

    pages = [[row["id"] for row in page["data"]] for page in (first, second, back)]
    assert pages == [newest_first[:3], newest_first[3:], newest_first[:3]]
    assert [page["done"] for page in (first, second, back)] == [False, True, True]


def test_attempted_destinations_page_and_include_deleted_endpoints(
    api: Api, alice: Tenant, event: Event
) -> None:
    made = [make_endpoint(alice) for _ in range(3)]
    for endpoint in made:
        make_settled(event, endpoint, DeliveryStatus.DELIVERED)
    Endpoint.objects.filter(id=made[0].id).update(deleted_at=timezone.now())
    path = "/app/alice/msg/order-1/endpoint?limit=2"

    first = api("GET", path, status=200)
    second = api("GET", f"{path}&iterator={first['iterator']}", status=200)
    back = api("GET", f"{path}&iterator={second['prevIterator']}", status=200)

    pages = [[row["id"] for row in page["data"]] for page in (first, second, back)]
    oldest_first = [str(endpoint) for endpoint in made]
    assert pages == [oldest_first[:2], oldest_first[2:], oldest_first[:2]]
    assert [page["done"] for page in (first, second, back)] == [False, True, True]


def outlook(api: Api) -> Any:
    (delivery,) = api("GET", "/app/alice/msg/order-1/delivery", status=200)["data"]
    return delivery


def test_a_dead_delivery_shows_its_letter(api: Api, event: Event, endpoint: Endpoint) -> None:
    settled = make_settled(event, endpoint, DeliveryStatus.DEAD, attempts=6)
    letter = DeadLetter.objects.create(
        delivery_id=settled.id, event_id=event.id, endpoint_id=endpoint.id,
        tenant_id=event.tenant_id, organization_id=event.organization_id,
        event_type=event.event_type, reason="exhausted", attempts=6,
    )  # fmt: skip

    assert outlook(api) == {
        "endpointId": ids.to_text(ids.ENDPOINT, endpoint.id),
        "status": "dead",
        "attempts": 6,
        "nextAttempt": None,
        "lastStatusCode": 500,
        "lastError": "http_status",
        "waitingFor": None,
        "deadLetterId": str(letter),
    }


@pytest.mark.parametrize(
    ("wait", "reason"),
    [
        (Wait.SCHEDULE, "schedule"),
        (Wait.RETRY_AFTER, "retry_after"),
        (Wait.DELIVER_AT, "deliver_at"),
        (Wait.PLATFORM, "schedule"),
    ],
)
def test_a_pending_delivery_says_what_it_waits_for(
    api: Api, event: Event, endpoint: Endpoint, wait: Wait, reason: str
) -> None:
    due = timezone.now() + SOON
    make_open(event, endpoint, wait=wait, next_attempt_at=due)

    shown = outlook(api)

    assert (shown["status"], shown["waitingFor"]) == ("pending", reason)
    assert shown["nextAttempt"] == wire(due)


@pytest.mark.parametrize(
    ("stalls", "reason"), [(0, "retry_after"), (4, "retry_after"), (5, "breaker")]
)
def test_a_paused_endpoint_holds_what_is_due(
    api: Api, event: Event, endpoint: Endpoint, stalls: int, reason: str
) -> None:
    until = timezone.now() + SOON
    EndpointHealth.objects.create(endpoint=endpoint, paused_until=until, consecutive_stalls=stalls)
    make_open(event, endpoint, next_attempt_at=timezone.now())

    shown = outlook(api)

    assert (shown["waitingFor"], shown["nextAttempt"]) == (reason, wire(until))


@pytest.mark.parametrize("level", ["endpoint", "tenant"])
def test_a_used_up_rate_holds_what_is_due(
    api: Api, event: Event, endpoint: Endpoint, level: str
) -> None:
    limited: Endpoint | Tenant = endpoint if level == "endpoint" else endpoint.tenant
    type(limited).objects.filter(id=limited.id).update(throttle_rate=2)
    until = timezone.now() + SOON
    bucket = Throttle.objects.create(key=limited.id, empty_at=until - timedelta(seconds=0.5))
    make_open(event, endpoint, next_attempt_at=timezone.now())

    shown = outlook(api)
    assert (shown["waitingFor"], shown["nextAttempt"]) == ("rate_limit", wire(until))
    Throttle.objects.filter(key=bucket.key).update(empty_at=timezone.now() - SOON)
    assert outlook(api)["waitingFor"] is None


def test_a_due_delivery_waits_for_nothing(api: Api, event: Event, endpoint: Endpoint) -> None:
    make_open(event, endpoint, next_attempt_at=timezone.now())

    assert outlook(api)["waitingFor"] is None


def test_parked_cancelled_and_sending_deliveries_have_no_time(
    api: Api, event: Event, alice: Tenant
) -> None:
    make_settled(event, make_endpoint(alice), DeliveryStatus.PARKED)
    make_settled(event, make_endpoint(alice), DeliveryStatus.CANCELLED)
    make_sending(event, make_endpoint(alice))

    page = api("GET", "/app/alice/msg/order-1/delivery?limit=3", status=200)

    shown = [(row["status"], row["waitingFor"], row["attempts"]) for row in page["data"]]
    assert shown == [
        ("parked", "endpoint_disabled", 0),
        ("cancelled", None, 0),
        ("sending", None, 1),
    ]
    assert page["done"] is True


def test_deliveries_outside_the_bounds_are_not_listed(
    api: Api, event: Event, endpoint: Endpoint
) -> None:
    make_open(event, endpoint)
    made = wire(ids.timestamp(event.id))

    for bound in (f"before={made}", f"after={made}"):
        answer = api("GET", f"/app/alice/msg/order-1/delivery?{bound}", status=200)
        assert answer == {"data": [], "iterator": None, "done": True}


def test_resend_answers_at_once_and_shows_as_sending(
    api: Api, event: Event, endpoint: Endpoint, hints: Mock
) -> None:
    make_settled(event, endpoint, DeliveryStatus.DEAD, attempts=6)

    assert api("POST", "/app/alice/msg/order-1/endpoint/hook/resend", status=202) == {}

    assert Replay.objects.get().created_by.startswith("test")
    hints.assert_called_once_with()
    (shown,) = api("GET", "/app/alice/endpoint/hook/msg", status=200)["data"]
    assert shown["status"] == 3
    # Due at the epoch in the queue; on the wire that is now.
    assert shown["nextAttempt"] > wire(timezone.now() - SOON)
    assert outlook(api)["waitingFor"] is None


def test_a_resend_without_payload_is_refused(
    api: Api, event: Event, endpoint: Endpoint, hints: Mock
) -> None:
    Event.objects.filter(id=event.id).update(payload=None)

    answer = api("POST", "/app/alice/msg/order-1/endpoint/hook/resend", status=400)

    assert answer["code"] == "missing_payload"
    assert not OpenDelivery.objects.exists()
    hints.assert_not_called()


def test_a_resend_to_a_disabled_endpoint_is_refused(
    api: Api, event: Event, endpoint: Endpoint, hints: Mock
) -> None:
    make_settled(event, endpoint, DeliveryStatus.PARKED)
    Endpoint.objects.update(disabled_at=timezone.now(), disabled_reason="user")

    answer = api("POST", "/app/alice/msg/order-1/endpoint/hook/resend", status=422)

    assert answer["detail"][0]["loc"] == ["path", "endpoint_id"]
    assert the_delivery(event, endpoint).status == DeliveryStatus.PARKED
    assert not Replay.objects.exists()


def test_a_resend_to_a_deleted_endpoint_is_404(
    api: Api, event: Event, endpoint: Endpoint, hints: Mock
) -> None:
    Endpoint.objects.update(deleted_at=timezone.now())

    api(
        "POST",
        f"/app/alice/msg/order-1/endpoint/{ids.to_text('ep_', endpoint.id)}/resend",
        status=404,
    )

    assert not Replay.objects.exists()
