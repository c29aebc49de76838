"""svix' ways to start a replay job, and background tasks."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import DeliveryStatus, Replay
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_event,
    make_settled,
)
from tests.integration.endpoints.conftest import Api
from webhooks_platform.lib import ids


def wire(ago: timedelta) -> str:
    return (timezone.now() - ago).isoformat()


MICROSECOND = timedelta(microseconds=1)


def url(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


HOUR = wire(timedelta(hours=1))


@pytest.mark.usefixtures("hints")
@pytest.mark.parametrize(
    ("route", "source", "task"),
    [
        ("recover", "failed", "endpoint.recover"),
        ("replay-missing", "missing", "endpoint.replay"),
        ("bulk-replay", "all", "endpoint.bulk-replay"),
    ],
)
def test_svix_ways_are_jobs_over_one_endpoint(
    api: Api, endpoint: Endpoint, route: str, source: str, task: str
) -> None:
    alice = endpoint.tenant
    make_settled(make_event(alice), endpoint, DeliveryStatus.PARKED)
    started = api("POST", f"/app/alice/endpoint/hook/{route}", {"since": HOUR}, status=202)

    job = Replay.objects.get()
    assert (job.source, job.filters["endpoint_ids"]) == (source, [str(endpoint.id)])
    assert job.total == (0 if source == "failed" else 1)
    assert started["id"] == ids.to_text("qtask_", job.id)
    assert (started["status"], started["task"]) == ("running", task)
    shown = api("GET", f"/background-task/{started['id']}", status=200)
    assert shown["data"] == {"total": job.total, "queued": 0, "delivered": 0, "failed": 0}
    assert [row["id"] for row in api("GET", "/background-task", status=200)["data"]] == [
        started["id"]
    ]
    for query, count in (
        (f"task={task}", 1), ("task=other", 0), ("status=running", 1), ("status=failed", 0),
    ):  # fmt: skip
        assert len(api("GET", f"/background-task?{query}", status=200)["data"]) == count
    made = job.created_at
    for query, count in (
        (f"after={url(made)}", 0), (f"before={url(made)}", 0),
        (f"after={url(made - MICROSECOND)}", 1), (f"before={url(made + MICROSECOND)}", 1),
    ):  # fmt: skip
        for path in ("/background-task", "/app/alice/replay"):
            assert len(api("GET", f"{path}?{query}", status=200)["data"]) == count
    for state, shown_as in (
        ("paused", "running"),
        ("finished", "finished"),
        ("cancelled", "failed"),
    ):
        Replay.objects.update(state=state)
        shown = api("GET", f"/background-task/{started['id']}", status=200)
        assert shown["status"] == shown_as


def test_a_bulk_replay_is_filtered(api: Api, alice: Tenant, endpoint: Endpoint, hints: Any) -> None:
    make_settled(make_event(alice, event_type="a"), endpoint, DeliveryStatus.DELIVERED)
    make_settled(make_event(alice, event_type="b"), endpoint, DeliveryStatus.DEAD, attempts=6)
    make_settled(make_event(alice, channels=["c"]), endpoint, DeliveryStatus.PARKED)

    def total(**more: Any) -> int:
        body = {"since": HOUR, **more}
        api("POST", "/app/alice/endpoint/hook/bulk-replay", body, status=202)
        return Replay.objects.latest("id").total

    assert total() == 3
    assert total(eventTypes=["a", "b"]) == 2
    assert total(channel="c") == 1
    assert total(status=0) == 1
    assert total(status=2) == 2
    assert total(status=1) == 0
    assert total(statusCodeClass=500) == 1


def test_a_recovery_is_limited_and_needs_an_enabled_endpoint(
    api: Api, alice: Tenant, endpoint: Endpoint
) -> None:
    def refused(route: str, body: Any, place: list[str]) -> None:
        answer = api("POST", f"/app/alice/endpoint/hook/{route}", body, status=422)
        assert answer["detail"][0]["loc"] == place

    refused("recover", {}, ["body", "since"])
    refused("recover", {"since": wire(timedelta(days=15))}, ["body", "since"])
    refused("recover", {"since": HOUR, "until": wire(timedelta(hours=2))}, ["body", "until"])
    refused("bulk-replay", {"since": HOUR, "status": 9}, ["body", "status"])
    refused("bulk-replay", {"since": HOUR, "eventTypes": []}, ["body", "eventTypes"])
    Endpoint.objects.update(disabled_at=timezone.now())
    for route in ("recover", "replay-missing", "bulk-replay"):
        refused(route, {"since": HOUR}, ["path", "endpoint_id"])
    assert not Replay.objects.exists()
