"""A worker that is alive, and slow to record what it sent."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from deliveries import drain, recorder
from deliveries.holding import Holding
from deliveries.models import Attempt, DeliveryStatus, Lease, OpenDelivery, SettledDelivery
from deliveries.outcome import LeasedDelivery, Outcome
from deliveries.record import Recorded, record
from deliveries.recorder import Recorder
from deliveries.sweep import sweep
from tests import rows
from tests.integration.deliveries.leasing import claimed, delivered, with_connection
from tests.integration.deliveries.looping import OPTIONS, nothing_open, run_loop
from tests.receiver import running
from webhooks_platform.lib import database
from webhooks_platform.lib.database import Connection, connect

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = "SELECT FROM open_delivery WHERE id = %s FOR UPDATE"


def leased(count: int) -> list[LeasedDelivery]:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    for _ in range(count):
        rows.open_delivery(rows.event(tenant), endpoint)
    return claimed()


def let_end_in(seconds: float, lease: UUID) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=seconds)
    assert Lease.objects.filter(id=lease).update(expires_at=ends) == 1


def seconds_left(lease: UUID) -> float:
    return (Lease.objects.get(id=lease).expires_at - datetime.now(UTC)).total_seconds()


def keep(leases: Sequence[UUID]) -> None:
    holding = Holding(lambda: leases, send_timeout=5.0, margin=15.0)
    assert with_connection(holding.keep) is False


def recorder_of(outcomes: Sequence[Outcome]) -> tuple[Recorder, set[UUID]]:
    """Return a recorder of these, about to stop, and where it tells what it has written."""
    written: set[UUID] = set()

    async def close(endpoint: UUID, reason: str) -> None: ...

    made = Recorder(
        patience=60.0,
        disable_after=60.0,
        close=close,
        done=lambda batch, recorded: written.update(recorded.delivery_ids),
    )
    for outcome in outcomes:
        made.put(outcome)
    return made, written


@pytest.mark.parametrize(("left", "then"), [(-3.0, 15.0), (9.0, 15.0), (11.0, 11.0), (60.0, 60.0)])
def test_a_lease_is_extended_when_it_is_about_to_end(left: float, then: float) -> None:
    [delivery] = leased(1)
    let_end_in(left, delivery.lease_id)

    keep([delivery.lease_id])

    assert seconds_left(delivery.lease_id) == pytest.approx(then, abs=1.0)


def test_no_lease_is_extended_without_a_waiting_outcome() -> None:
    [delivery] = leased(1)
    let_end_in(3.0, delivery.lease_id)

    keep([])

    assert seconds_left(delivery.lease_id) <= 3.0


def test_what_waits_to_be_recorded_is_not_swept() -> None:
    [one, other] = leased(1) + leased(1)
    waiting, written = recorder_of([delivered(one)])
    rows.expire_leases()

    async def race(connection: Connection) -> int:
        await Holding(waiting.lease_ids, send_timeout=5.0, margin=15.0).keep(connection)
        swept = await sweep(connection)
        waiting.stop()
        await waiting.run(lambda: 0.0)
        return swept

    assert with_connection(race) == 1
    assert written == {one.id}
    assert errors() == {one.id: [None], other.id: ["worker_lost"]}


def test_keeping_does_not_wait_for_a_sweep() -> None:
    [delivery] = leased(1)
    let_end_in(3.0, delivery.lease_id)

    async def race(sweeping: Connection) -> None:
        async with sweeping.transaction():
            await sweeping.execute("SELECT FROM lease FOR UPDATE")
            await asyncio.to_thread(keep, [delivery.lease_id])

    with_connection(race)

    assert seconds_left(delivery.lease_id) <= 3.0


def test_a_cancelled_recording_is_repeated_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_MS", 200)
    monkeypatch.setattr(recorder, "CANCELLED", 100)
    batch = leased(5)
    waiting, written = recorder_of([delivered(each) for each in batch])
    stuck = min(each.id for each in batch)

    async def race(rival: Connection) -> set[UUID]:
        async with rival.transaction():
            await rival.execute(HOLD, [stuck])
            recording = asyncio.create_task(waiting.run(lambda: 0.0))
            async with asyncio.timeout(10):
                while len(written) < 4 or waiting.waiting > 1:
                    await asyncio.sleep(0.01)
            before = set(written)
            assert waiting.lease_ids() == {batch[0].lease_id}
        waiting.stop()
        await recording
        return before

    async def unhurried() -> set[UUID]:
        async with await connect("rival") as rival:
            await rival.execute("SET statement_timeout = 0")
            return await race(rival)

    assert asyncio.run(unhurried()) == {each.id for each in batch} - {stuck}
    assert written == {each.id for each in batch}
    assert SettledDelivery.objects.filter(status=DeliveryStatus.DELIVERED).count() == 5
    assert errors() == {each.id: [None] for each in batch}


def test_an_outcome_that_is_always_cancelled_is_left_to_the_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    async def cancelled(*args: Any, **values: Any) -> Recorded:
        tries.append(1)
        raise psycopg.errors.QueryCanceled

    monkeypatch.setattr(recorder, "record", cancelled)
    waiting, written = recorder_of([delivered(each) for each in leased(1)])
    waiting.stop()

    asyncio.run(waiting.run(lambda: 0.0))

    assert (len(tries), written, waiting.lease_ids()) == (recorder.CANCELLED, set(), set())
    assert OpenDelivery.objects.get().status == DeliveryStatus.SENDING


def test_what_the_database_refuses_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "BACKOFF", 0.0)
    refusals = [psycopg.OperationalError(), psycopg.errors.DeadlockDetected()]

    async def refused(*args: Any, **values: Any) -> Recorded:
        if refusals:
            raise refusals.pop()
        return await record(*args, **values)

    monkeypatch.setattr(recorder, "record", refused)
    batch = leased(3)
    waiting, written = recorder_of([delivered(each) for each in batch])
    waiting.stop()

    asyncio.run(waiting.run(lambda: 0.0))

    assert written == {each.id for each in batch}
    assert OpenDelivery.objects.count() == waiting.waiting == 0


def test_a_loop_that_cannot_record_stops_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "BEHIND", 4)
    monkeypatch.setattr(recorder, "BACKOFF", 0.02)
    sent: list[int] = []
    with running() as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url)
        for _ in range(40):
            rows.open_delivery(rows.event(tenant), endpoint)

        async def refused(*args: Any, **values: Any) -> Recorded:
            sent.append(len(receiver.requests))
            if len(sent) <= 30:
                raise psycopg.OperationalError
            return await record(*args, **values)

        monkeypatch.setattr(recorder, "record", refused)
        run_loop(nothing_open, options=replace(OPTIONS, in_flight=4))

    # Four wait, or three and four more that were claimed just before.
    assert 4 <= max(sent[:30]) <= 7
    assert len(receiver.requests) == len(set(receiver.ids())) == 40


def errors() -> dict[UUID, list[str | None]]:
    """Return the errors of every delivery's attempts."""
    found: dict[UUID, list[str | None]] = {}
    for attempt in Attempt.objects.order_by("id"):
        found.setdefault(attempt.delivery_id, []).append(attempt.error_kind)
    return found
