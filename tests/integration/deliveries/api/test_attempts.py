"""Attempts over HTTP."""

from typing import Any

import pytest

from deliveries.models import Event, Trigger
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.rows import make_attempt, make_endpoint, make_event
from tests.integration.endpoints.conftest import Api
from webhooks_platform.lib import ids

HOSTILE = "<script>alert(1)</script>\u2028\ufffd\"\\ \U0001f480 ' OR 1=1;--"


def names(answer: Any) -> list[str]:
    return [row["id"] for row in answer["data"]]


def test_an_attempt_is_shown_as_svix_does(api: Api, event: Event, endpoint: Endpoint) -> None:
    attempt = make_attempt(
        event, endpoint, status_code=503, response=HOSTILE, trigger=Trigger.MANUAL
    )

    shown = api("GET", f"/app/alice/msg/order-1/attempt/{attempt}", status=200)

    assert shown == {
        "id": str(attempt),
        "url": "https://receiver.example/hooks",
        "response": HOSTILE,
        "responseStatusCode": 503,
        "responseDurationMs": 12,
        "status": 2,
        "statusText": "fail",
        "triggerType": 1,
        "msgId": str(event),
        "endpointId": ids.to_text(ids.ENDPOINT, endpoint.id),
        "timestamp": ids.timestamp(attempt.id).isoformat().replace("+00:00", "Z"),
    }


def test_an_attempt_whose_worker_died_has_a_duration(
    api: Api, event: Event, endpoint: Endpoint
) -> None:
    attempt = make_attempt(
        event, endpoint, status_code=0, error_kind="worker_lost", duration_ms=None
    )

    shown = api("GET", f"/app/alice/msg/order-1/attempt/{attempt}", status=200)

    assert (shown["responseDurationMs"], shown["responseStatusCode"]) == (0, 0)
    assert shown["statusText"] == "fail"


@pytest.fixture
def made(event: Event, endpoint: Endpoint, alice: Tenant) -> dict[str, str]:
    other = make_event(alice, event_type="other")
    return {
        "failed": str(make_attempt(event, endpoint, status_code=404)),
        "lost": str(make_attempt(event, endpoint, status_code=0, error_kind="dns")),
        "good": str(make_attempt(event, endpoint)),
        "elsewhere": str(make_attempt(event, make_endpoint(alice, uid="second"))),
        "other": str(make_attempt(other, endpoint, status_code=204)),
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("attempt/endpoint/hook", "other good lost failed"),
        ("attempt/endpoint/hook?status=0", "other good"),
        ("attempt/endpoint/hook?status=2", "lost failed"),
        ("attempt/endpoint/hook?status=1", ""),
        ("attempt/endpoint/hook?status=3", ""),
        ("attempt/endpoint/hook?status=4", ""),
        ("attempt/endpoint/hook?status_code_class=400", "failed"),
        ("attempt/endpoint/hook?status_code_class=0", "lost"),
        ("attempt/endpoint/hook?status_code_class=100", ""),
        ("attempt/endpoint/hook?channel=eu", "good lost failed"),
        ("attempt/endpoint/hook?event_types=other", "other"),
        ("attempt/endpoint/hook?expanded_statuses=true&unknown=x", "other good lost failed"),
        ("attempt/msg/order-1", "elsewhere good lost failed"),
        ("attempt/msg/order-1?endpoint_id=second", "elsewhere"),
        ("attempt/msg/order-1?event_types=other", ""),
        ("attempt/msg/order-1?channel=eu&status=2", "lost failed"),
        ("msg/order-1/attempt", "elsewhere good lost failed"),
        ("msg/order-1/attempt?event_types=invoice.paid&channel=eu", "elsewhere good lost failed"),
        ("msg/order-1/endpoint/hook/attempt", "good lost failed"),
    ],
)  # fmt: skip
def test_attempts_are_listed_and_filtered(
    api: Api, made: dict[str, str], path: str, found: str
) -> None:
    answer = api("GET", f"/app/alice/{path}", status=200)

    assert names(answer) == [made[name] for name in found.split()]
    assert answer["done"] is True


@pytest.mark.parametrize("path", ["attempt/endpoint/hook", "attempt/msg/order-1"])
def test_attempts_page_in_both_directions(api: Api, made: dict[str, str], path: str) -> None:
    whole = names(api("GET", f"/app/alice/{path}", status=200))

    first = api("GET", f"/app/alice/{path}?limit=3", status=200)
    second = api("GET", f"/app/alice/{path}?limit=3&iterator={first['iterator']}", status=200)
    back = api("GET", f"/app/alice/{path}?limit=3&iterator={second['prevIterator']}", status=200)

    assert names(first) + names(second) == whole
    assert (first["done"], second["done"], back["done"]) == (False, True, True)
    assert names(back) == names(first)


def test_without_content_the_response_is_empty(api: Api, made: dict[str, str]) -> None:
    answer = api("GET", "/app/alice/attempt/msg/order-1?with_content=false", status=200)

    assert {row["response"] for row in answer["data"]} == {""}


@pytest.mark.parametrize(
    ("query", "place"),
    [("status=5", "status"), ("status=x", "status"), ("status_code_class=1", "status_code_class")],
)
def test_a_bad_filter_is_named(api: Api, endpoint: Endpoint, query: str, place: str) -> None:
    answer = api("GET", f"/app/alice/attempt/endpoint/hook?{query}", status=422)

    assert answer["detail"][0]["loc"] == ["query", place]


def test_a_response_is_expunged(api: Api, made: dict[str, str]) -> None:
    path = f"/app/alice/msg/order-1/attempt/{made['failed']}"

    api("DELETE", f"{path}/content", status=204)

    shown = api("GET", path, status=200)
    assert (shown["response"], shown["responseStatusCode"]) == ("EXPUNGED", 404)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("attempt.response_expunged", made["failed"])


def test_an_attempt_belongs_to_its_event(api: Api, made: dict[str, str]) -> None:
    api("GET", f"/app/alice/msg/order-1/attempt/{made['other']}", status=404)
    api("DELETE", f"/app/alice/msg/order-1/attempt/{made['other']}/content", status=404)
    api("GET", "/app/alice/msg/order-1/attempt/atmpt_nonsense", status=404)
    assert not AuditEntry.objects.exists()
