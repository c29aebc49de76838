"""A preview is bounded in time, and says whether its counts are exact."""

import time
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction

from deliveries import replay
from deliveries.models import DeliveryStatus, Replay
from deliveries.replay import counting
from deliveries.selection import Selection
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.replay.conftest import BOB
from tests.integration.deliveries.rows import make_dead, make_event, make_open, make_settled, nodes

pytestmark = pytest.mark.django_db(transaction=True)

STUCK = counting.COUNT.replace("SELECT count(*)", "SELECT (SELECT 1 FROM pg_sleep(20)), count(*)")


def settings() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), current_setting('enable_seqscan')"
        )
        found: tuple[str, ...] = cursor.fetchone()
    return found


def previewed(tenant: Tenant, source: str) -> tuple[replay.Preview, list[dict[str, Any]]]:
    """Return the preview, and the plan of every statement that scanned for it."""
    plans: list[dict[str, Any]] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "scanned" in sql:
            execute(f"EXPLAIN (FORMAT JSON) {sql}", params, many, context)
            plans.append(context["cursor"].fetchone()[0][0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        return replay.preview(tenant, Selection(source)), plans


@patch.object(counting, "COUNT", STUCK)
@patch.object(counting, "BUDGET", 0.1)
def test_a_count_that_takes_too_long_is_cut_short(tenant: Tenant, endpoint: Endpoint) -> None:
    make_dead(tenant, endpoint)
    began = time.monotonic()

    found = replay.preview(tenant, Selection("dead-letter"))

    assert time.monotonic() - began < 5
    assert (found.total, found.exact, found.sample) == (0, False, [])


@patch.object(counting, "COUNT", STUCK)
@patch.object(counting, "BUDGET", 0.1)
def test_a_job_starts_although_it_could_not_be_counted(tenant: Tenant, endpoint: Endpoint) -> None:
    make_dead(tenant, endpoint)

    job = replay.start(tenant, Selection("dead-letter"), note="why", actor=BOB)

    stored = Replay.objects.get(id=job.id)
    assert (stored.state, stored.total, stored.counted) == ("running", 0, False)
    assert stored.lanes.count() == 1


@pytest.mark.parametrize("budget", [0.5, 0.0])
def test_a_preview_leaves_the_transactions_settings_alone(
    tenant: Tenant, endpoint: Endpoint, budget: float
) -> None:
    letter = make_dead(tenant, endpoint)
    before = settings()

    with transaction.atomic(), patch.object(counting, "BUDGET", budget):
        found = replay.preview(tenant, Selection("dead-letter"))
        assert settings() == before

    counted = (1, True, [letter.event_id]) if budget else (0, False, [])
    assert (found.total, found.exact, found.sample) == counted


@patch.object(counting, "ROOM", 2)
def test_retries_beyond_what_is_counted_are_at_least(tenant: Tenant, endpoint: Endpoint) -> None:
    for _ in range(3):
        make_open(make_event(tenant), endpoint, attempts=1)

    found = replay.preview(tenant, Selection("all"))

    assert (found.total, found.exact) == (2, False)


def test_an_event_without_delivery_is_found_by_probing_indexes(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    make_event(tenant)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE open_delivery, endpoint")
    found, [plan] = previewed(tenant, "missing")

    assert found.total == 1
    read = {
        node["Relation Name"]: node["Node Type"] for node in nodes(plan) if "Relation Name" in node
    }
    assert read["open_delivery"] == "Index Only Scan"
    assert "Seq Scan" not in read.values()


def test_few_failed_deliveries_are_found_among_many(tenant: Tenant, endpoint: Endpoint) -> None:
    for _ in range(30):
        make_settled(make_event(tenant), endpoint, DeliveryStatus.DELIVERED)
    failed = make_dead(tenant, endpoint)

    with patch.object(counting, "SCAN", 10):
        found, scans = previewed(tenant, "failed")

    assert (found.total, found.exact, found.sample) == (1, True, [failed.event_id])
    assert len(scans) == 1
