"""What recorded outcomes add to the metrics."""

import time
from uuid import uuid4

from prometheus_client import REGISTRY

from deliveries import measuring
from deliveries.models import Trigger
from deliveries.outcome import Closed, LeasedDelivery, Outcome, Request, Verdict
from webhooks_platform.lib import ids


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def outcome(
    verdict: Verdict, status: int | None, trigger: Trigger = Trigger.SCHEDULED, number: int = 1
) -> Outcome:
    delivery = LeasedDelivery(
        id=uuid4(),
        event_id=ids.new(),
        endpoint_id=uuid4(),
        tenant_id=uuid4(),
        lease_id=uuid4(),
        number=number,
        charged=0,
        faults=0,
        lost=0,
        trigger=trigger,
        closed=Closed.NO,
        version=(1, 1),
    )
    request = None if status is None else Request(uuid4(), status, None, 20, "", "")
    return Outcome(delivery, verdict, request)


def test_recorded_requests_are_counted_and_nothing_else() -> None:
    batch = [
        outcome(Verdict.DELIVERED, 200),
        outcome(Verdict.DELIVERED, 200, Trigger.MANUAL, number=7),
        outcome(Verdict.DEAD, 404),
        outcome(Verdict.RETURNED, None),
        outcome(Verdict.RETRY, 503),
    ]
    recorded = {one.delivery.id for one in batch[:4]}
    names = ("webhook_end_to_end_seconds_count", "webhook_stale_outcomes_total")
    before = [value(name) for name in names]
    attempts = value("webhook_delivery_duration_seconds_count")
    retried = value("webhook_delivery_attempts_total", outcome="retry", status_class="5xx")

    measuring.count_recorded(batch, recorded)

    assert [value(name) - old for name, old in zip(names, before, strict=True)] == [1, 1]
    assert value("webhook_delivery_duration_seconds_count") - attempts == 3
    assert value("webhook_delivery_attempts_total", outcome="retry", status_class="5xx") == retried


def test_counting_costs_less_than_five_microseconds_an_attempt() -> None:
    batch = [outcome(Verdict.DELIVERED, 200) for _ in range(200)]
    recorded = {one.delivery.id for one in batch}

    best = min(_timed(batch, recorded) for _ in range(20))

    assert best / len(batch) < 5e-6


def _timed(batch: list[Outcome], recorded: set[object]) -> float:
    started = time.perf_counter()
    measuring.count_recorded(batch, recorded)  # type: ignore[arg-type]
    return time.perf_counter() - started
