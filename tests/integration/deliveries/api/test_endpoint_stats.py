"""Statistics of an endpoint and examples sent to it, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import DeliveryStatus, Event, OpenDelivery
from endpoints.models import AuditEntry, Endpoint, EventType, Tenant
from tests.integration.deliveries.rows import (
    make_attempt,
    make_endpoint,
    make_event,
    make_open,
    make_settled,
)
from tests.integration.endpoints.conftest import Api

STATS = "/app/alice/endpoint/hook/stats"
ATTEMPT_STATS = "/app/alice/endpoint/hook/attempt-stats"
EXAMPLE = "/app/alice/endpoint/hook/send-example"


def ago(**span: int) -> str:
    return (timezone.now() - timedelta(**span)).isoformat().replace("+", "%2B")


def test_attempts_and_open_deliveries_are_counted(
    api: Api, alice: Tenant, endpoint: Endpoint, event: Event
) -> None:
    now = timezone.now()
    for code, days in ((200, 0), (204, 1), (500, 0), (0, 2), (200, 40)):
        make_attempt(event, endpoint, status_code=code, at=now - timedelta(days=days))
    make_attempt(event, make_endpoint(alice))
    make_open(make_event(alice), endpoint)
    make_open(make_event(alice), endpoint, attempts=1)

    assert api("GET", STATS, status=200) == {
        "success": 2, "fail": 2, "pending": 1, "sending": 1, "canceled": 0,
    }  # fmt: skip
    recent = api("GET", f"{STATS}?since={ago(hours=1)}", status=200)
    assert (recent["success"], recent["fail"]) == (1, 1)
    earlier = api("GET", f"{STATS}?since={ago(days=5)}&until={ago(hours=12)}", status=200)
    assert (earlier["success"], earlier["fail"], earlier["pending"]) == (1, 1, 0)


def test_attempts_and_cancelled_deliveries_are_counted(
    api: Api, alice: Tenant, endpoint: Endpoint, event: Event
) -> None:
    now = timezone.now()
    for code, days in ((200, 0), (204, 1), (500, 0), (0, 2), (200, 40)):
        make_attempt(event, endpoint, status_code=code, at=now - timedelta(days=days))
    make_attempt(event, make_endpoint(alice))
    make_open(make_event(alice), endpoint)
    make_settled(make_event(alice), endpoint, DeliveryStatus.CANCELLED)
    make_settled(make_event(alice), endpoint, DeliveryStatus.DEAD)

    counts = api("GET", f"{ATTEMPT_STATS}", status=200)
    assert counts == {"success": 2, "fail": 2, "canceled": 1}
    earlier = f"{ATTEMPT_STATS}?since={ago(days=5)}&until={ago(hours=12)}"
    assert api("GET", earlier, status=200) == {"success": 1, "fail": 1, "canceled": 0}


def test_attempt_statistics_are_the_tenants_own(
    api: Api, charlie_api: Api, stranger: Api, endpoint: Endpoint
) -> None:
    for client in (charlie_api, stranger):
        client("GET", ATTEMPT_STATS, status=404)
    wrong = api("GET", f"{ATTEMPT_STATS}?since={ago(days=29)}", status=400)
    assert wrong["code"] == "invalid_range"
    assert api("GET", f"{ATTEMPT_STATS}?since=soon", status=422)["detail"][0]["loc"] == [
        "query", "since",
    ]  # fmt: skip


def test_the_longest_window_has_five_minutes_for_clocks(api: Api, endpoint: Endpoint) -> None:
    for path in (STATS, ATTEMPT_STATS):
        api("GET", f"{path}?since={ago(days=28, minutes=4)}", status=200)
        api("GET", f"{path}?since={ago(days=28, minutes=6)}", status=400)


@pytest.mark.parametrize(
    "query",
    [f"since={ago(days=29)}", f"until={ago(hours=-1)}", f"since={ago(days=1)}&until={ago(days=2)}"],
)
def test_a_window_that_is_too_long_or_ahead_is_refused(
    api: Api, endpoint: Endpoint, query: str
) -> None:
    assert api("GET", f"{STATS}?{query}", status=400)["code"] == "invalid_range"


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00Z", "1969-12-31T00:00:00Z"])
def test_nothing_is_counted_before_there_was_anything(
    api: Api, endpoint: Endpoint, event: Event, until: str
) -> None:
    make_attempt(event, endpoint)

    assert set(api("GET", f"{STATS}?until={until}", status=200).values()) == {0}


def test_an_example_goes_to_one_endpoint_past_its_filters(
    api: Api, alice: Tenant, endpoint: Endpoint, hints: Any
) -> None:
    schemas = {"9": {"examples": [{"order": 9}]}, "10": {"examples": [{"order": 1}, {"order": 2}]}}
    EventType.objects.create(organization=alice.organization, name="a.b", schemas=schemas)
    Endpoint.objects.filter(id=endpoint.id).update(event_types=["other"])
    make_endpoint(alice)

    message = api("POST", EXAMPLE, {"eventType": "a.b"}, status=200)

    assert (message["eventType"], message["payload"]) == ("a.b", {"order": 1})
    assert OpenDelivery.objects.get().endpoint_id == endpoint.id
    assert AuditEntry.objects.filter(action="endpoint.tested").count() == 1
    second = api("POST", EXAMPLE, {"eventType": "a.b", "exampleIndex": 1}, status=200)
    assert second["payload"] == {"order": 2}
    api("POST", EXAMPLE, {"eventType": "a.b", "exampleIndex": 2}, status=400)
    api("POST", EXAMPLE, {"eventType": "a.b", "exampleIndex": -1}, status=422)
    ping = api("POST", EXAMPLE, {"eventType": "svix.ping"}, status=200)
    assert ping["payload"] == {"success": True}


def test_without_an_example_nothing_is_sent(api: Api, alice: Tenant, endpoint: Endpoint) -> None:
    EventType.objects.create(organization=alice.organization, name="a.b")

    for name in ("a.b", "unknown"):
        answer = api("POST", EXAMPLE, {"eventType": name}, status=400)
        assert answer["code"] == "invalid_scheme"
    api("POST", EXAMPLE, {}, status=422)
    Endpoint.objects.update(disabled_at=timezone.now())
    api("POST", EXAMPLE, {"eventType": "svix.ping"}, status=422)

    assert not Event.objects.exists()
    assert not OpenDelivery.objects.exists()
