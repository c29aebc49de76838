"""Statements that lock several deliveries, while somebody else holds one of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import connections

from deliveries.closing import cancel_events, park
from deliveries.models import Attempt, DeliveryStatus, Event, Lease, OpenDelivery, SettledDelivery
from deliveries.outcome import LeasedDelivery
from deliveries.record import record
from deliveries.reopening import REOPEN, reopening
from deliveries.sweep import sweep
from endpoints.models import Endpoint, Tenant
from tests import rows
from tests.integration.deliveries.leasing import claimed, delivered, recorded, with_connection
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection, connect

pytestmark = pytest.mark.django_db(transaction=True)

HOLD = "SELECT FROM open_delivery WHERE id = %s FOR UPDATE"
BLOCKED = "SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"


@dataclass(frozen=True)
class Two:
    """Deliveries of one event to two endpoints; the higher id was stored first and is due first."""

    tenant: Tenant
    event: Event
    low: OpenDelivery
    high: OpenDelivery

    @property
    def endpoints(self) -> list[Endpoint]:
        return list(Endpoint.objects.filter(id__in=[self.low.endpoint_id, self.high.endpoint_id]))


@pytest.fixture
def two() -> Two:
    tenant = rows.tenant()
    event = rows.event(tenant)
    endpoints = [rows.endpoint(tenant), rows.endpoint(tenant)]
    ordered = sorted(endpoints, key=lambda e: rows.delivery_id(event.id, e.id), reverse=True)
    high, low = (
        rows.open_delivery(event, endpoint, due_in=seconds)
        for endpoint, seconds in zip(ordered, (-9.0, -1.0), strict=True)
    )
    return Two(tenant, event, low, high)


def while_low_is_held(two: Two, action: Callable[[], object]) -> None:
    """Let `action` wait for the lower delivery, and see that it has not locked the higher one."""

    async def race() -> None:
        async with await connect("rival") as rival:
            async with rival.transaction():
                await rival.execute(HOLD, [two.low.id])
                acting = asyncio.create_task(asyncio.to_thread(_alone, action))
                await _until_blocked(rival, acting)
                await rival.execute(f"{HOLD} NOWAIT".encode(), [two.high.id])
            await acting

    asyncio.run(race())


async def _until_blocked(rival: Connection, acting: asyncio.Task[object]) -> None:
    async with asyncio.timeout(10):
        while not acting.done():
            row = await (await rival.execute(BLOCKED)).fetchone()
            if row is not None and row[0]:
                return
            await asyncio.sleep(0)


def _alone(action: Callable[[], object]) -> None:
    try:
        action()
    finally:
        connections.close_all()


def test_recording_locks_by_id(two: Two) -> None:
    outcomes = [delivered(d) for d in sorted(claimed(), key=lambda d: d.id, reverse=True)]

    while_low_is_held(two, lambda: recorded(outcomes))

    assert OpenDelivery.objects.count() == 0
    assert SettledDelivery.objects.filter(status=DeliveryStatus.DELIVERED).count() == 2


def test_closing_endpoints_locks_by_id(two: Two) -> None:
    endpoints = [two.high.endpoint_id, two.low.endpoint_id]

    while_low_is_held(two, lambda: park(endpoints))

    assert OpenDelivery.objects.count() == 0
    assert SettledDelivery.objects.filter(status=DeliveryStatus.PARKED).count() == 2


def test_cancelling_an_event_locks_by_id(two: Two) -> None:
    while_low_is_held(two, lambda: cancel_events([two.event.id]))

    assert OpenDelivery.objects.count() == 0
    assert SettledDelivery.objects.filter(status=DeliveryStatus.CANCELLED).count() == 2


def test_letting_attempts_be_the_last_locks_by_id(two: Two) -> None:
    assert len(claimed()) == 2

    while_low_is_held(two, lambda: cancel_events([two.event.id]))

    assert OpenDelivery.objects.filter(settled_as=DeliveryStatus.CANCELLED).count() == 2


def test_taking_up_waiting_deliveries_locks_by_id(two: Two) -> None:
    job = ids.new()
    values = reopening(
        job=job, tenant=two.tenant.id, endpoint=two.low.endpoint_id,
        deliveries=[two.high.id, two.low.id], events=[two.event.id] * 2, decided_by="", note="",
    )  # fmt: skip

    async def reopen(own: Connection) -> None:
        await own.execute(REOPEN, values, prepare=False)

    while_low_is_held(two, lambda: with_connection(reopen))

    assert OpenDelivery.objects.filter(job_id=job).count() == 2


@pytest.mark.parametrize("commits", [True, False])
def test_the_sweep_leaves_what_is_being_recorded(two: Two, commits: bool) -> None:
    leased = {delivery.id: delivery for delivery in claimed()}
    rows.expire_leases()
    swept = asyncio.run(swept_while_recording(leased[two.low.id], commits=commits))

    assert swept == [1, 0 if commits else 1]
    assert Lease.objects.count() == 0
    assert OpenDelivery.objects.filter(status=DeliveryStatus.SENDING).count() == 0
    assert errors_of(two.high) == ["worker_lost"]
    assert errors_of(two.low) == [None if commits else "worker_lost"]


async def swept_while_recording(delivery: LeasedDelivery, *, commits: bool) -> list[int]:
    """Sweep while a delivery is being recorded and after that; return what was given back."""
    async with await connect("record") as recording, await connect("sweep") as sweeping:
        async with recording.transaction(force_rollback=not commits):
            await record(recording, [delivered(delivery)], disable_after=60)
            during = await sweep(sweeping)
            (leases,) = await (
                await recording.execute("SELECT count(*) FROM lease")
            ).fetchone() or (0,)
            assert leases == 1
        return [during, await sweep(sweeping)]


def errors_of(row: OpenDelivery) -> list[str | None]:
    return list(Attempt.objects.filter(delivery_id=row.id).values_list("error_kind", flat=True))
