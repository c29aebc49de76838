"""Replay jobs over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from deliveries.models import DeadLetter, DeliveryStatus, Replay, ReplayLane
from deliveries.replay import counting
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_dead,
    make_event,
    make_settled,
)
from tests.integration.endpoints.conftest import Api
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import parameters


def wire(ago: timedelta) -> str:
    return (timezone.now() - ago).isoformat()


HOUR = wire(timedelta(hours=1))


@pytest.fixture
def letters(alice: Tenant, endpoint: Endpoint) -> list[DeadLetter]:
    return [make_dead(alice, endpoint) for _ in range(12)]


def test_a_dry_run_counts_and_stores_nothing(
    api: Api, alice: Tenant, letters: list[DeadLetter]
) -> None:
    asked = {"note": "outage", "dryRun": True, "ratePerSecond": 5}

    shown = api("POST", "/app/alice/replay", asked, status=200)

    assert (shown["status"], shown["total"], shown["estimatedSeconds"]) == ("preview", 12, 3)
    assert shown["sample"] == [ids.to_text(ids.EVENT, row.event_id) for row in letters[:10]]
    assert (shown["id"], shown["remaining"], shown["queued"]) == (None, 12, 0)
    assert shown["exact"] is True
    assert not Replay.objects.exists()
    assert not AuditEntry.objects.exists()


@patch.object(counting, "BUDGET", 0.0)
def test_a_count_without_time_says_that_it_is_a_lower_bound(
    api: Api, letters: list[DeadLetter], hints: Any
) -> None:
    shown = api("POST", "/app/alice/replay", {"note": "n", "dryRun": True}, status=200)
    started = api("POST", "/app/alice/replay", {"note": "n"}, status=202)

    assert (shown["total"], shown["exact"]) == (0, False)
    assert (started["total"], started["exact"], started["status"]) == (0, False, "running")


def test_a_job_is_started_and_shown(
    api: Api, alice: Tenant, endpoint: Endpoint, letters: list[DeadLetter], hints: Any
) -> None:
    asked = {
        "source": "dead-letter", "endpointIds": ["hook"], "eventTypes": ["invoice.paid"],
        "reasons": ["exhausted"], "statusCodeClass": 500, "since": HOUR,
        "note": "outage", "ratePerSecond": 5,
    }  # fmt: skip

    job = api("POST", "/app/alice/replay", asked, status=202)

    assert (job["status"], job["total"], job["remaining"], job["queued"]) == ("running", 12, 12, 0)
    assert job["endpointIds"] == [ids.to_text(ids.ENDPOINT, endpoint.id)]
    assert (job["eventTypes"], job["reasons"]) == (["invoice.paid"], ["exhausted"])
    assert (job["statusCodeClass"], job["ratePerSecond"], job["note"]) == (500, 5, "outage")
    assert job["createdBy"].startswith("test (whk_")
    assert len(job["sample"]) == 10
    assert api("GET", f"/app/alice/replay/{job['id']}", status=200) == job
    assert api("GET", "/app/alice/replay", status=200)["data"] == [job]
    assert ReplayLane.objects.get().endpoint_id == endpoint.id
    assert AuditEntry.objects.get().action == "replay.started"
    hints.assert_called_once_with(b"replay")


def test_a_filter_that_is_null_leaves_nothing_out(
    api: Api, letters: list[DeadLetter], hints: Any
) -> None:
    filters = dict.fromkeys(["endpointIds", "eventTypes", "reasons", "channels"])

    job = api("POST", "/app/alice/replay", {"note": "n", **filters}, status=202)

    assert job["total"] == 12
    assert [job[name] for name in filters] == [[], [], [], []]


def test_the_counts_add_up(api: Api, alice: Tenant) -> None:
    Replay.objects.create(
        organization_id=alice.organization_id, tenant_id=alice.id, source="failed",
        created_by="bob", total=100, queued=7, delivered=60, failed=3, rate_per_second=10,
    )  # fmt: skip

    [job] = api("GET", "/app/alice/replay", status=200)["data"]

    assert job["total"] == job["delivered"] + job["failed"] + job["remaining"]
    assert (job["remaining"], job["queued"], job["estimatedSeconds"]) == (37, 7, 4)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ["note"]),
        ({"note": ""}, ["note"]),
        ({"note": " \t\n"}, ["note"]),
        ({"note": "x" * 1001}, ["note"]),
        ({"note": "n", "source": "resend"}, ["source"]),
        ({"note": "n", "endpointIds": ["hook", "nobody"]}, ["endpointIds", "1"]),
        ({"note": "n", "endpointIds": "hook"}, ["endpointIds"]),
        ({"note": "n", "reasons": ["because"]}, ["reasons", "0"]),
        ({"note": "n", "source": "failed", "reasons": ["exhausted"]}, ["reasons"]),
        ({"note": "n", "statusCodeClass": 404}, ["statusCodeClass"]),
        ({"note": "n", "source": "missing", "statusCodeClass": 500}, ["statusCodeClass"]),
        ({"note": "n", "since": "yesterday"}, ["since"]),
        ({"note": "n", "since": HOUR, "until": wire(timedelta(days=1))}, ["until"]),
        ({"note": "n", "ratePerSecond": 0}, ["ratePerSecond"]),
        ({"note": "n", "ratePerSecond": 10_001}, ["ratePerSecond"]),
        ({"note": "n", "dryRun": "yes"}, ["dryRun"]),
        ({"note": "n", "channels": ["a b"]}, ["channels", "0"]),
        ({"note": "n", "eventTypes": [1]}, ["eventTypes", "0"]),
        ({"note": "n", "endpointIds": []}, ["endpointIds"]),
        ({"note": "n", "eventTypes": []}, ["eventTypes"]),
        ({"note": "n", "reasons": []}, ["reasons"]),
        ({"note": "n", "channels": []}, ["channels"]),
    ],
)
def test_a_bad_job_is_refused_with_its_place(
    api: Api, letters: list[DeadLetter], body: dict[str, Any], place: list[str]
) -> None:
    answer = api("POST", "/app/alice/replay", body, status=422)

    assert [fault["loc"] for fault in answer["detail"]] == [["body", *place]]
    assert not Replay.objects.exists()


def test_a_job_is_paused_resumed_and_cancelled(
    api: Api, letters: list[DeadLetter], hints: Any
) -> None:
    job = api("POST", "/app/alice/replay", {"note": "n"}, status=202)["id"]

    for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert api("POST", f"/app/alice/replay/{job}/{action}", status=200)["status"] == state
        shown = api("POST", f"/app/alice/replay/{job}/{action}", status=409)
        assert shown["code"] == "conflict"
    assert DeadLetter.objects.filter(decision=None).count() == 12


def test_an_idempotency_key_starts_one_job(api: Api, letters: list[DeadLetter], hints: Any) -> None:
    options = {"headers": {"idempotency-key": "k1"}}

    first = api("POST", "/app/alice/replay", {"note": "n"}, status=202, **options)
    again = api("POST", "/app/alice/replay", {"note": "n"}, status=202, **options)

    assert first == again
    assert Replay.objects.count() == 1


def test_jobs_come_oldest_first_if_asked(api: Api, letters: list[DeadLetter], hints: Any) -> None:
    first, second = (
        api("POST", "/app/alice/replay", {"note": "n"}, status=202)["id"] for _ in range(2)
    )

    for order, wanted in (("ascending", [first, second]), ("descending", [second, first])):
        shown = api("GET", f"/app/alice/replay?order={order}", status=200)["data"]
        assert [job["id"] for job in shown] == wanted
    for path in ("/app/alice/replay?order=up", "/background-task?before=x"):
        answer = api("GET", path, status=422)
        assert answer["detail"][0]["loc"] == ["query", path.partition("?")[2].partition("=")[0]]


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"])
@pytest.mark.parametrize(
    "route", ["replay", "endpoint/hook/replay-missing", "endpoint/hook/bulk-replay"]
)
def test_a_job_may_reach_back_beyond_all_events(
    api: Api, letters: list[DeadLetter], hints: Any, route: str, since: str
) -> None:
    api("POST", f"/app/alice/{route}", {"note": "n", "since": since}, status=202)
    none = {"note": "n", "since": since, "until": since}
    api("POST", f"/app/alice/{route}", none, status=202)
    api("POST", "/app/alice/endpoint/hook/recover", none, status=202)

    totals = list(Replay.objects.order_by("id").values_list("total", flat=True))
    assert totals == [0 if "missing" in route else 12, 0, 0]


def test_resends_are_no_jobs(api: Api, alice: Tenant, endpoint: Endpoint, hints: Any) -> None:
    event = make_event(alice)
    make_settled(event, endpoint, DeliveryStatus.DELIVERED)
    api("POST", f"/app/alice/msg/{event}/endpoint/hook/resend", status=202)
    job = str(Replay.objects.get())

    assert api("GET", "/app/alice/replay", status=200)["data"] == []
    assert api("GET", f"/app/alice/replay/{job}", status=200)["source"] == "resend"
    assert api("GET", "/background-task", status=200)["data"] == []


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_cannot_be_had_in_time_is_answered_with_try_again(
    api: Api, letters: list[DeadLetter], hints: Any
) -> None:
    job = api("POST", "/app/alice/replay", {"note": "n"}, status=202)["id"]

    with held("replay"), connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
        answer = api.send("POST", f"/app/alice/replay/{job}/pause")
        cursor.execute("RESET lock_timeout")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert api("GET", f"/app/alice/replay/{job}", status=200)["status"] == "running"


@contextmanager
def held(table: str) -> Iterator[None]:
    """Hold locks on the rows of a table, as a slow transaction would."""
    with psycopg.connect(**parameters("holder")) as other:
        other.execute(f"SELECT FROM {table} FOR UPDATE")
        yield
