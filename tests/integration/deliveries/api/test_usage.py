"""Usage of applications and their event types, asked over HTTP and answered by a loop."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from deliveries import usage
from deliveries.queries import statistics
from endpoints.models import Endpoint, Tenant, UsageQuestion
from tests.integration.deliveries.leasing import with_connection
from tests.integration.deliveries.rows import (
    id_at,
    make_attempt,
    make_endpoint,
    make_event,
    nodes,
    partition_days,
)
from tests.integration.endpoints.conftest import Api
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)

USAGE, TYPES = "/stats/usage/app", "/stats/usage/event-types"


def window(**more: Any) -> dict[str, Any]:
    now = timezone.now()
    since = (now - timedelta(days=7)).isoformat()
    return {"since": since, "until": (now + timedelta(minutes=1)).isoformat(), **more}


def answered(api: Api, task: Any) -> Any:
    """Let a loop work, and read the task."""
    assert with_connection(usage.work) is True
    return api("GET", f"/background-task/{task['id']}", status=200)


def test_usage_is_counted_for_the_applications_named(
    api: Api, alice: Tenant, charlie: Tenant
) -> None:
    hook = make_endpoint(alice)
    event = make_event(alice)
    make_event(alice)
    now = timezone.now()
    for days in (0, 1, 2, 8):
        make_attempt(event, hook, at=now - timedelta(days=days))
    make_attempt(make_event(charlie), make_endpoint(charlie))
    Endpoint.objects.filter(id=hook.id).update(deleted_at=now)
    own = ids.to_text(ids.TENANT, alice.id)

    task = api("POST", USAGE, window(appIds=["alice", own, "nobody", "app_x"]), 202)

    assert (task["status"], task["task"]) == ("running", "application.stats")
    assert task["unresolvedAppIds"] == ["nobody", "app_x"]
    shown = answered(api, task)
    assert (shown["status"], shown["id"]) == ("finished", task["id"])
    assert shown["data"] == {
        "appStats": [
            {"appId": own, "appUid": "alice", "messageDestinations": 3, "messages": 2},
        ]
    }
    assert with_connection(usage.work) is False


def test_usage_of_all_applications_comes_in_portions(
    api: Api, alice: Tenant, charlie: Tenant, stranger: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "PORTION", 1)
    stranger("POST", "/app", {"name": "Theirs"}, 201)

    task = api("POST", USAGE, window(), 202)

    data = answered(api, task)["data"]["appStats"]
    assert [(row["appUid"], row["messageDestinations"]) for row in data] == [
        ("alice", 0), ("charlie", 0),
    ]  # fmt: skip
    stranger("GET", f"/background-task/{task['id']}", status=404)


def test_event_types_of_each_application_are_listed(
    api: Api, alice: Tenant, charlie: Tenant
) -> None:
    make_endpoint(alice, event_types=["b", "a"])
    make_endpoint(alice, event_types=["a", "c"])
    make_endpoint(alice, deleted_at=timezone.now())
    make_endpoint(charlie)

    shown = answered(api, api("PUT", TYPES, status=202))

    assert shown["task"] == "event-type.aggregate"
    assert [
        (row["appUid"], row["explicitlySubscribedEventTypes"], row["hasCatchAllEndpoint"])
        for row in shown["data"]["event_types"]
    ] == [("alice", ["a", "b", "c"], False), ("charlie", [], True)]
    listed = api("GET", "/background-task?task=event-type.aggregate&status=finished", status=200)
    assert listed["data"] == [shown]
    assert api("GET", "/background-task?task=application.stats", status=200)["data"] == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"since": None}, "since", id="no since"),
        pytest.param({"until": "2020-01-01T00:00:00Z"}, "until", id="backwards"),
        pytest.param({"since": "2020-01-01T00:00:00Z"}, "until", id="long"),
        pytest.param({"appIds": []}, "appIds", id="none"),
        pytest.param({"appIds": ["nobody", "app_x"]}, "appIds", id="unknown"),
        pytest.param({"appIds": "alice"}, "appIds", id="text"),
    ],
)
def test_a_bad_question_is_refused(
    api: Api, alice: Tenant, change: dict[str, Any], place: str
) -> None:
    assert api("POST", USAGE, window(**change), 422)["detail"][0]["loc"] == ["body", place]
    assert UsageQuestion.objects.count() == 0


def test_only_the_organization_asks(api: Api, alice_api: Api) -> None:
    alice_api("POST", USAGE, window(), 403)
    alice_api("PUT", TYPES, None, 403)
    assert UsageQuestion.objects.count() == 0
    task = api("PUT", TYPES, status=202)
    alice_api("GET", f"/background-task/{task['id']}", status=404)


def test_a_task_of_a_killed_process_is_taken_again_later(api: Api, alice: Tenant) -> None:
    task = api("PUT", TYPES, status=202)
    UsageQuestion.objects.update(taken_until=timezone.now() + timedelta(seconds=50))
    assert with_connection(usage.work) is False
    UsageQuestion.objects.update(taken_until=timezone.now() - timedelta(seconds=1))
    assert answered(api, task)["status"] == "finished"


@pytest.mark.django_db(transaction=False)
@pytest.mark.parametrize(
    "query", [usage.USAGE, statistics.COUNT_ATTEMPTS], ids=["usage", "attempt-stats"]
)
def test_counting_opens_the_days_of_the_window_by_index(alice: Tenant, query: str) -> None:
    first = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=9)
    partition_days(first, 8)
    endpoint = make_endpoint(alice)
    values = {
        "organization": alice.organization_id, "tenants": None, "after": ids.first_at(ids.EPOCH),
        "portion": 50, "endpoint": endpoint.id, "cancelled": 6,
        "first": id_at(first + timedelta(days=2)),
        "last": id_at(first + timedelta(days=4) - timedelta(seconds=1)),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", values)
        plan = cursor.fetchone()[0][0]["Plan"]

    found = [node for node in nodes(plan) if node.get("Relation Name", "").startswith("attempt_")]
    assert len(found) == 2
    assert all("endpoint_id" in node["Index Cond"] for node in found)
