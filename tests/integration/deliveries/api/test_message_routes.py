"""Cancelling, precheck, tags, and taking contents back, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import (
    DeliveryStatus,
    Event,
    OpenDelivery,
    Replay,
    SettledDelivery,
    Wait,
)
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_attempt,
    make_endpoint,
    make_event,
    make_open,
    make_sending,
    make_settled,
    make_tenant,
    the_delivery,
)
from tests.integration.endpoints.conftest import Api, api_of, audited

HOUR = timedelta(hours=1)


def ids_of(answer: Any) -> list[str]:
    return [row["id"] for row in answer["data"]]


def scheduled(event: Event, endpoint: Endpoint) -> None:
    make_open(event, endpoint, next_attempt_at=timezone.now() + HOUR, wait=Wait.DELIVER_AT)


def test_a_scheduled_event_is_cancelled_and_shown_so_everywhere(
    api: Api, event: Event, endpoint: Endpoint
) -> None:
    scheduled(event, endpoint)
    assert ids_of(api("GET", "/app/alice/endpoint/hook/msg", status=200)) == []

    answer = api("POST", "/app/alice/msg/order-1/cancel", status=200)

    assert answer == {"cancelled": 1, "underWay": 0}
    assert audited() == [("event.cancelled", str(event))]
    assert not OpenDelivery.objects.exists()
    for query, count in (("", 1), ("?status=4", 1), ("?status=1", 0), ("?status=2", 0)):
        rows = api("GET", f"/app/alice/endpoint/hook/msg{query}", status=200)["data"]
        assert [(r["id"], r["status"], r["statusText"], r["nextAttempt"]) for r in rows] == [
            (str(event), 4, "canceled", None)
        ] * count
    (destination,) = api("GET", "/app/alice/msg/order-1/endpoint", status=200)["data"]
    assert (destination["status"], destination["statusText"]) == (4, "canceled")
    (delivery,) = api("GET", "/app/alice/msg/order-1/delivery", status=200)["data"]
    assert (delivery["status"], delivery["nextAttempt"]) == ("cancelled", None)
    stats = api("GET", "/app/alice/endpoint/hook/stats", status=200)
    assert stats == {"success": 0, "fail": 0, "pending": 0, "sending": 0, "canceled": 1}
    # The payload is kept: the event can be sent by hand.
    assert api("GET", "/app/alice/msg/order-1", status=200)["payload"] == {"amount": 1.1}


def test_a_publishers_key_may_cancel_and_a_reader_may_not(
    alice: Tenant, event: Event, endpoint: Endpoint, reader: Api
) -> None:
    scheduled(event, endpoint)
    publisher = api_of(alice.organization, "publish", tenant=alice)

    reader("POST", "/app/alice/msg/order-1/cancel", status=403)
    assert OpenDelivery.objects.count() == 1
    publisher("POST", "/app/alice/msg/order-1/cancel", status=200)

    assert the_delivery(event, endpoint).status == DeliveryStatus.CANCELLED


def test_an_attempt_under_way_is_the_last(api: Api, event: Event, alice: Tenant) -> None:
    make_sending(event, make_endpoint(alice))
    make_settled(event, make_endpoint(alice), DeliveryStatus.DELIVERED)

    answer = api("POST", "/app/alice/msg/order-1/cancel", status=200)

    assert answer == {"cancelled": 0, "underWay": 1}
    assert OpenDelivery.objects.get().settled_as == DeliveryStatus.CANCELLED


def test_what_waits_for_nothing_cannot_be_cancelled(
    api: Api, event: Event, endpoint: Endpoint
) -> None:
    make_settled(event, endpoint, DeliveryStatus.DELIVERED)

    assert api("POST", "/app/alice/msg/order-1/cancel", status=409)["code"] == "conflict"

    assert the_delivery(event, endpoint).status == DeliveryStatus.DELIVERED
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("order-1/cancel", None),
        ("precheck/active", {"eventType": "a"}),
        ("bulk-expunge", {"ids": ["order-1"]}),
        ("expunge-all-contents", None),
    ],
)
def test_strangers_find_nothing(
    stranger: Api, event: Event, endpoint: Endpoint, path: str, body: Any
) -> None:
    scheduled(event, endpoint)

    assert stranger("POST", f"/app/alice/msg/{path}", body, status=404)["code"] == "not_found"

    event.refresh_from_db()
    assert event.payload is not None
    assert OpenDelivery.objects.count() == 1


@pytest.mark.parametrize("path", ["bulk-expunge", "expunge-all-contents"])
def test_a_tenants_own_key_takes_no_contents_back(alice_api: Api, event: Event, path: str) -> None:
    alice_api("POST", f"/app/alice/msg/{path}", {"ids": ["order-1"]}, status=403)

    event.refresh_from_db()
    assert event.payload is not None


@pytest.mark.parametrize(
    ("values", "channels", "active"),
    [
        pytest.param({}, None, True, id="no filter"),
        pytest.param({"event_types": ["a"]}, None, True, id="type"),
        pytest.param({"event_types": ["b"]}, None, False, id="other type"),
        pytest.param({"channels": ["x"]}, ["y", "x"], True, id="channel"),
        pytest.param({"channels": ["x"]}, ["y"], False, id="other channel"),
        pytest.param({"channels": ["x"]}, None, False, id="no channel"),
        pytest.param({"disabled_at": timezone.now()}, None, False, id="disabled"),
        pytest.param({"deleted_at": timezone.now()}, None, False, id="deleted"),
    ],
)
def test_precheck_tells_whether_anybody_would_get_it(
    api: Api, alice: Tenant, values: Any, channels: Any, active: bool
) -> None:
    make_endpoint(make_tenant("Charlie"))
    make_endpoint(alice, **values)
    message = {"eventType": "a", "channels": channels}

    answer = api("POST", "/app/alice/msg/precheck/active", message, status=200)

    assert answer == {"active": active}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ["body", "eventType"]),
        ({"eventType": "a b"}, ["body", "eventType"]),
        ({"eventType": "a", "channels": []}, ["body", "channels"]),
        ({"eventType": "a", "channels": ["x"] * 6}, ["body", "channels"]),
    ],
)
def test_precheck_names_what_is_wrong(api: Api, alice: Tenant, body: Any, place: list[str]) -> None:
    answer = api("POST", "/app/alice/msg/precheck/active", body, status=422)

    assert [fault["loc"] for fault in answer["detail"]] == [place]


def test_lists_are_filtered_by_tag(api: Api, alice: Tenant, endpoint: Endpoint) -> None:
    both = make_event(alice, tags=["env:prod", "a,b"])
    one = make_event(alice, tags=["a,b"])
    none = make_event(alice)
    for event in (both, one, none):
        make_settled(event, endpoint, DeliveryStatus.DELIVERED)
        make_attempt(event, endpoint)

    for path, shown in (
        ("msg", "id"), ("endpoint/hook/msg", "id"), ("attempt/endpoint/hook", "msgId")
    ):  # fmt: skip
        for query, expected in (
            ("tag=env:prod", [both]), ("tag=a,b", [one, both]), ("tag=x", []),
            ("tag=", [none, one, both]), ("tag=a,b&event_types=other", []),
        ):  # fmt: skip
            answer = api("GET", f"/app/alice/{path}?{query}", status=200)
            assert [row[shown] for row in answer["data"]] == [str(e) for e in expected]
    assert len(api("GET", f"/app/alice/attempt/msg/{one}?tag=a,b", status=200)["data"]) == 1
    assert api("GET", f"/app/alice/attempt/msg/{one}?tag=x", status=200)["data"] == []


@pytest.mark.parametrize("tag", ["x" * 257, "a%00", "a%0Ab"])
def test_a_tag_that_none_can_have_is_named(api: Api, alice: Tenant, tag: str) -> None:
    answer = api("GET", f"/app/alice/msg?tag={tag}", status=422)

    assert [fault["loc"] for fault in answer["detail"]] == [["query", "tag"]]


@pytest.mark.usefixtures("hints")
def test_bulk_replay_takes_a_tag(api: Api, alice: Tenant, endpoint: Endpoint) -> None:
    for tags in (["x", "y"], ["y"], None):
        make_settled(make_event(alice, tags=tags), endpoint, DeliveryStatus.DELIVERED)
    since = (timezone.now() - HOUR).isoformat()

    api("POST", "/app/alice/endpoint/hook/bulk-replay", {"since": since, "tag": "x"}, status=202)

    assert Replay.objects.get().total == 1
    bad = api(
        "POST", "/app/alice/endpoint/hook/bulk-replay", {"since": since, "tag": ""}, status=422
    )
    assert bad["detail"][0]["loc"] == ["body", "tag"]


def test_contents_of_some_messages_are_expunged(
    api: Api, alice: Tenant, charlie: Tenant, event: Event, endpoint: Endpoint
) -> None:
    other, kept, foreign = make_event(alice), make_event(alice), make_event(charlie, uid="theirs")
    scheduled(other, endpoint)
    wanted = ["order-1", str(event), str(other), "unknown", str(foreign), "theirs"]

    answer = api("POST", "/app/alice/msg/bulk-expunge", {"ids": wanted}, status=200)

    assert answer["results"] == dict(zip(wanted, ["expunged"] * 3 + ["not-found"] * 3, strict=True))
    emptied = set(Event.objects.filter(payload=None).values_list("id", flat=True))
    assert emptied == {event.id, other.id}
    assert SettledDelivery.objects.get().status == DeliveryStatus.CANCELLED
    assert sorted(audited()) == sorted(
        [("event.payload_expunged", str(event)), ("event.payload_expunged", str(other))]
    )
    assert bytes(Event.objects.get(id=kept.id).payload or b"")


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": None}])
def test_expunging_nothing_changes_nothing(api: Api, event: Event, body: Any) -> None:
    assert api("POST", "/app/alice/msg/bulk-expunge", body, status=200) == {"results": {}}
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("wanted", ["order-1", ["order-1"] * 251, ["order-1", 1]])
def test_a_bad_list_of_ids_expunges_nothing(api: Api, event: Event, wanted: Any) -> None:
    api("POST", "/app/alice/msg/bulk-expunge", {"ids": wanted}, status=422)

    event.refresh_from_db()
    assert event.payload is not None
