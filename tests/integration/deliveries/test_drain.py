"""A delivery loop over real PostgreSQL, Redis and sockets."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks

from deliveries import drain
from deliveries.models import (
    Attempt,
    DeadLetter,
    DeliveryStatus,
    OpenDelivery,
    SettledDelivery,
)
from endpoints.models import Endpoint
from tests import rows
from tests.integration.deliveries.looping import OPTIONS, nothing_open, run_loop
from tests.receiver import answer, running

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_delivery_arrives_signed_and_is_settled() -> None:
    with running() as receiver:
        tenant = rows.tenant()
        event = rows.event(tenant, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b71-01")
        rows.open_delivery(event, rows.endpoint(tenant, url=receiver.url))

        run_loop(nothing_open)

    [request] = receiver.requests
    assert request.body == rows.PAYLOAD
    assert request.headers["webhook-id"] == str(event)
    assert request.headers["webhook-attempt"] == "1"
    assert request.headers["traceparent"] == event.traceparent
    assert "webhook-replay" not in request.headers
    standardwebhooks.Webhook(rows.SECRET).verify(request.body, request.headers)
    assert SettledDelivery.objects.get().status == DeliveryStatus.DELIVERED
    attempt = Attempt.objects.get()
    assert (attempt.status_code, attempt.error_kind, attempt.url) == (200, None, receiver.url)


def test_the_schedule_runs_out_into_a_dead_letter() -> None:
    with running(lambda n, _: answer(500, b"broken")) as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url, policy={"retrySchedule": [0.05, 0.05]})
        rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(nothing_open)

    assert len(receiver.requests) == 3
    assert len(set(receiver.ids())) == 1
    assert [a.number for a in Attempt.objects.order_by("id")] == [1, 2, 3]
    assert {a.response for a in Attempt.objects.all()} == {"broken"}
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.attempts, letter.last_status_code) == ("exhausted", 3, 500)


def test_a_permanent_failure_is_not_repeated() -> None:
    with running(lambda n, _: answer(404)) as receiver:
        tenant = rows.tenant()
        rows.open_delivery(rows.event(tenant), rows.endpoint(tenant, url=receiver.url))

        run_loop(nothing_open)

    assert len(receiver.requests) == 1
    assert DeadLetter.objects.get().reason == "permanent"


def test_410_disables_the_endpoint_and_parks_what_waits() -> None:
    with running(lambda n, _: answer(410)) as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url)
        rows.open_delivery(rows.event(tenant), endpoint)
        for _ in range(5):
            rows.open_delivery(rows.event(tenant), endpoint, due_in=60)

        run_loop(nothing_open)

    assert len(receiver.requests) == 1
    assert DeadLetter.objects.get().reason == "gone"
    statuses = SettledDelivery.objects.values_list("status", flat=True)
    assert sorted(statuses) == [DeliveryStatus.DEAD] + [DeliveryStatus.PARKED] * 5
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == Endpoint.Disabled.GONE


def test_an_endpoint_failing_for_long_is_disabled() -> None:
    with running(lambda n, _: answer(500)) as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url, policy={"retrySchedule": []})
        for _ in range(2):
            rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(nothing_open, options=replace(OPTIONS, in_flight=1, disable_after=0.0))

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == Endpoint.Disabled.FAILING


def test_retry_after_holds_back_the_whole_endpoint() -> None:
    script = lambda n, _: answer(429, retry_after="1") if n == 1 else answer(200)  # noqa: E731
    with running(script) as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url, policy={"retrySchedule": [0.1]})
        first = rows.open_delivery(rows.event(tenant), endpoint, due_in=-9)
        second = rows.open_delivery(rows.event(tenant), endpoint, due_in=0.5)

        run_loop(nothing_open)

    attempts = list(Attempt.objects.order_by("id"))
    assert [a.status_code for a in attempts] == [429, 200, 200]
    waited = (attempts[1].id.int >> 80) - (attempts[0].id.int >> 80)
    assert 1000 <= waited < 2500
    assert {first.id, second.id} == set(SettledDelivery.objects.values_list("id", flat=True))


def test_a_closed_endpoint_gets_nothing() -> None:
    with running() as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url, disabled_at=datetime.now(UTC))
        rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(nothing_open)

    assert receiver.requests == []
    assert SettledDelivery.objects.get().status == DeliveryStatus.PARKED


@pytest.mark.parametrize(
    ("values", "status", "reason"),
    [
        pytest.param({}, DeliveryStatus.CANCELLED, None, id="expunged"),
        pytest.param(
            {"payload_expires_at": datetime(2026, 1, 1, tzinfo=UTC)},
            DeliveryStatus.DEAD, "expired", id="outlived",
        ),
    ],
)  # fmt: skip
def test_an_event_without_payload_is_not_sent(
    values: dict[str, Any], status: DeliveryStatus, reason: str | None
) -> None:
    with running() as receiver:
        tenant = rows.tenant()
        event = rows.event(tenant, payload=None, **values)
        rows.open_delivery(event, rows.endpoint(tenant, url=receiver.url))

        run_loop(nothing_open)

    assert receiver.requests == []
    assert SettledDelivery.objects.get().status == status
    assert [letter.reason for letter in DeadLetter.objects.all()] == ([reason] if reason else [])


def test_a_changed_endpoint_holds_for_the_next_attempt() -> None:
    with running(lambda n, _: answer(503)) as old, running() as new:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=old.url, policy={"retrySchedule": [0.3] * 9})
        rows.open_delivery(rows.event(tenant), endpoint)

        def moved() -> bool:
            if len(old.requests) == 1:
                Endpoint.objects.filter(version=1).update(url=new.url, version=2)
            return nothing_open()

        run_loop(moved)

    assert (len(old.requests), len(new.requests)) == (1, 1)


def test_256_sends_are_held_open_and_no_more() -> None:
    with running(lambda n, _: (0.5, answer(200))) as receiver:
        tenant = rows.tenant()
        # None of them is known to answer promptly: together they have as many as there are slots.
        for _ in range(10):
            endpoint = rows.endpoint(tenant, url=receiver.url)
            for _ in range(30):
                rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(nothing_open, seconds=20)

    assert receiver.peak == 256
    assert len(receiver.requests) == len(set(receiver.ids())) == 300


def test_a_stopped_loop_finishes_what_is_in_flight_and_claims_no_more() -> None:
    with running(lambda n, _: (0.5, answer(200))) as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url)
        for _ in range(10):
            rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(lambda: len(receiver.requests) == 4, options=replace(OPTIONS, in_flight=8))

    assert len(receiver.requests) == 4
    assert SettledDelivery.objects.count() == 4
    assert OpenDelivery.objects.filter(lease_id=None, status=DeliveryStatus.PENDING).count() == 6


def test_a_retry_starts_on_time_without_hints() -> None:
    script = lambda n, _: answer(500 if n == 1 else 200)  # noqa: E731
    with running(script) as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url, policy={"retrySchedule": [1.5]})
        rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(nothing_open)

    first, second = (a.id.int >> 80 for a in Attempt.objects.order_by("id"))
    assert 1500 <= second - first <= 1500 * 1.1 + 100


def test_an_attempt_that_raises_neither_ends_the_loop_nor_passes_silently(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = drain.attempt.make

    async def broken(delivery: Any, *arguments: Any, **options: Any) -> Any:
        if delivery.id == bad.id:
            raise RuntimeError("planted")
        return await real(delivery, *arguments, **options)

    monkeypatch.setattr(drain.attempt, "make", broken)
    with running() as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url)
        bad = rows.open_delivery(rows.event(tenant), endpoint, lost=2)
        rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(nothing_open)

    assert len(receiver.requests) == 1
    assert DeadLetter.objects.get().reason == "poison"
    assert "attempt_failed" in caplog.text


def test_hostile_answers_are_stored_safely() -> None:
    with running(lambda n, _: answer(200, b"\x00\xff<script>" + b"x" * 20_000)) as receiver:
        tenant = rows.tenant()
        rows.open_delivery(rows.event(tenant), rows.endpoint(tenant, url=receiver.url))

        run_loop(nothing_open)

    response = Attempt.objects.get().response
    assert response.startswith("\ufffd\ufffd<script>xxx")
    assert len(response) == 16 * 1024
