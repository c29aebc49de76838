import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from deliveries.claim import claim, load_events
from deliveries.models import DeliveryStatus, Lease, OpenDelivery, Trigger
from deliveries.outcome import Closed, LeasedDelivery
from deliveries.rooms import Rooms
from endpoints.models import EndpointHealth
from tests import rows
from tests.integration.deliveries.leasing import claimed, with_connection
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_due_delivery_is_leased_with_its_facts() -> None:
    tenant = rows.tenant(version=7)
    endpoint = rows.endpoint(tenant, version=3)
    delivery = rows.open_delivery(rows.event(tenant), endpoint, charged=2, faults=1, lost=1)

    [leased] = claimed()

    [lease] = Lease.objects.all()
    assert leased == LeasedDelivery(
        delivery.id, delivery.event_id, endpoint.id, tenant.id, lease.id,
        number=1, charged=2, faults=1, lost=1, trigger=Trigger.SCHEDULED,
        closed=Closed.NO, version=(3, 7),
    )  # fmt: skip
    assert lease.delivery_ids == [delivery.id]
    row = OpenDelivery.objects.get()
    assert (row.status, row.lease_id, row.attempts) == (DeliveryStatus.SENDING, lease.id, 1)


def test_what_is_not_due_or_leased_already_stays() -> None:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    rows.open_delivery(rows.event(tenant), endpoint, due_in=60)
    leased = rows.open_delivery(rows.event(tenant), endpoint, lease_id=ids.new())

    assert claimed() == []
    assert OpenDelivery.objects.filter(attempts=0).count() == 2
    assert OpenDelivery.objects.get(id=leased.id).lease_id == leased.lease_id
    assert Lease.objects.count() == 0


def test_racing_claims_share_the_rows_without_overlap() -> None:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    made = {rows.open_delivery(rows.event(tenant), endpoint).id for _ in range(60)}

    async def race() -> list[LeasedDelivery]:
        connections = [await connect("test") for _ in range(4)]
        batches = await asyncio.gather(
            *[claim(c, rooms=Rooms(20), seconds=30) for c in connections]
        )
        rest = await claim(connections[0], rooms=Rooms(60), seconds=30)
        for connection in connections:
            await connection.close()
        return [leased for batch in [*batches, rest] for leased in batch.deliveries]

    leased = asyncio.run(race())

    assert len(leased) == 60
    assert {delivery.id for delivery in leased} == made


def test_racing_claims_of_uneven_lanes_share_them_without_overlap() -> None:
    tenant = rows.tenant()
    made = set()
    for count in (1, 2, 3, 54):
        endpoint = rows.endpoint(tenant)
        made |= {rows.open_delivery(rows.event(tenant), endpoint).id for _ in range(count)}

    async def race() -> list[LeasedDelivery]:
        connections = [await connect("test") for _ in range(4)]
        leased: list[LeasedDelivery] = []
        while len(leased) < len(made):
            batches = await asyncio.gather(
                *[claim(c, rooms=Rooms(8), seconds=30) for c in connections]
            )
            assert any(batch.deliveries for batch in batches)
            leased += [delivery for batch in batches for delivery in batch.deliveries]
        for connection in connections:
            await connection.close()
        return leased

    leased = asyncio.run(race())

    assert len(leased) == 60
    assert {delivery.id for delivery in leased} == made


def test_slots_are_shared_between_the_endpoints_of_a_tenant() -> None:
    tenant = rows.tenant()
    busy, quiet = rows.endpoint(tenant), rows.endpoint(tenant)
    for _ in range(30):
        rows.open_delivery(rows.event(tenant), busy, due_in=-60)
    for _ in range(4):
        rows.open_delivery(rows.event(tenant), quiet)

    leased = Counter(delivery.endpoint_id for delivery in claimed(slots=8))

    assert leased == {busy.id: 4, quiet.id: 4}


def test_slots_are_shared_between_tenants_before_endpoints() -> None:
    alice, charlie = rows.tenant(), rows.tenant(name="Charlie")
    for _ in range(3):
        endpoint = rows.endpoint(alice)
        for _ in range(9):
            rows.open_delivery(rows.event(alice), endpoint, due_in=-60)
    lone = rows.endpoint(charlie)
    for _ in range(9):
        rows.open_delivery(rows.event(charlie), lone)

    leased = Counter(delivery.tenant_id for delivery in claimed(slots=4))

    # However many lanes a tenant has, its share is that of any other.
    assert leased == {alice.id: 2, charlie.id: 2}


@pytest.mark.parametrize("state", ["leased", "paused"])
def test_lanes_that_cannot_send_take_no_share(state: str) -> None:
    hanging, healthy = rows.tenant(), rows.tenant(name="Charlie")
    for _ in range(10):
        stuck = rows.endpoint(hanging)
        if state == "paused":
            later = datetime.now(UTC) + timedelta(minutes=2)
            EndpointHealth.objects.create(endpoint=stuck, paused_until=later)
        lease_id = ids.new() if state == "leased" else None
        rows.open_delivery(rows.event(hanging), stuck, due_in=-60, lease_id=lease_id)
    busy = rows.endpoint(healthy)
    for _ in range(30):
        rows.open_delivery(rows.event(healthy), busy)

    leased = Counter(delivery.endpoint_id for delivery in claimed(slots=20))

    assert leased == {busy.id: 20}


def test_a_lane_counts_by_its_first_row_that_nobody_has_leased() -> None:
    tenant = rows.tenant()
    busy, quiet = rows.endpoint(tenant), rows.endpoint(tenant)
    for _ in range(4):
        rows.open_delivery(rows.event(tenant), busy, due_in=-60, lease_id=ids.new())
    free = rows.open_delivery(rows.event(tenant), busy)
    rows.open_delivery(rows.event(tenant), quiet, due_in=-60, lease_id=ids.new())
    rows.open_delivery(rows.event(tenant), quiet, due_in=60)

    assert [delivery.id for delivery in claimed()] == [free.id]


def test_what_short_lanes_leave_goes_to_the_others() -> None:
    alice, charlie = rows.tenant(), rows.tenant(name="Charlie")
    short, long, other = rows.endpoint(alice), rows.endpoint(alice), rows.endpoint(charlie)
    for lane, count in [(short, 1), (long, 30), (other, 30)]:
        for _ in range(count):
            rows.open_delivery(rows.event(lane.tenant), lane)

    leased = Counter(delivery.endpoint_id for delivery in claimed(slots=20))

    assert leased == {short.id: 1, long.id: 9, other.id: 10}


def test_a_paused_endpoint_gets_only_manual_attempts() -> None:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    EndpointHealth.objects.create(
        endpoint=endpoint, paused_until=datetime.now(UTC) + timedelta(minutes=2)
    )
    waiting = rows.open_delivery(rows.event(tenant), endpoint)
    manual = rows.open_delivery(
        rows.event(tenant), endpoint, next_attempt_at=ids.EPOCH, trigger=Trigger.MANUAL
    )

    assert [delivery.id for delivery in claimed()] == [manual.id]
    assert OpenDelivery.objects.get(id=waiting.id).status == DeliveryStatus.PENDING


@pytest.mark.parametrize(
    ("change", "closed"),
    [
        pytest.param({"disabled_at": datetime.now(UTC)}, Closed.DISABLED, id="disabled"),
        pytest.param({"deleted_at": datetime.now(UTC)}, Closed.DELETED, id="deleted"),
    ],
)
def test_rows_of_closed_endpoints_come_marked(change: dict[str, datetime], closed: Closed) -> None:
    tenant = rows.tenant()
    rows.open_delivery(rows.event(tenant), rows.endpoint(tenant, **change))

    assert [delivery.closed for delivery in claimed()] == [closed]


def test_events_are_loaded_with_their_bytes() -> None:
    tenant = rows.tenant()
    event = rows.event(tenant, payload=b'{"a":\t1.0}', traceparent="00-1-2-01")
    emptied = rows.event(tenant, payload=None, payload_expires_at=datetime(2026, 1, 1, tzinfo=UTC))

    loaded = with_connection(lambda c: load_events(c, [event.id, emptied.id, event.id, ids.new()]))

    assert set(loaded) == {event.id, emptied.id}
    assert loaded[event.id].payload == b'{"a":\t1.0}'
    assert loaded[event.id].traceparent == "00-1-2-01"
    assert (loaded[event.id].expired, loaded[emptied.id].expired) == (False, True)
    assert loaded[emptied.id].payload is None


@pytest.mark.parametrize(
    ("due", "slots", "more"),
    [
        pytest.param([1], 4, False, id="all of it"),
        pytest.param([2, 2], 8, False, id="all, of two lanes"),
        pytest.param([4], 4, True, id="all slots"),
        pytest.param([3, 1], 4, True, id="a lane that filled its share"),
    ],
)
def test_a_claim_tells_whether_more_may_be_due(due: list[int], slots: int, *, more: bool) -> None:
    tenant = rows.tenant()
    for count in due:
        endpoint = rows.endpoint(tenant)
        for _ in range(count):
            rows.open_delivery(rows.event(tenant), endpoint)

    found = with_connection(lambda c: claim(c, rooms=Rooms(slots), seconds=30))

    assert (len(found.deliveries), found.more) == (sum(due), more)


def test_events_of_two_days_are_loaded_with_one_statement() -> None:
    tenant = rows.tenant()
    today = rows.event(tenant)
    earlier = rows.event(tenant, id=ids.first_at(datetime.now(UTC) - timedelta(days=3)))

    loaded = with_connection(lambda c: load_events(c, [today.id, earlier.id]))

    assert set(loaded) == {today.id, earlier.id}


def test_of_more_lanes_than_slots_the_oldest_of_each_tenant_go_first() -> None:
    made = {}
    for number in range(3):
        tenant = rows.tenant()
        for age in range(1, 5):
            due_in = -10.0 * age - number
            row = rows.open_delivery(rows.event(tenant), rows.endpoint(tenant), due_in=due_in)
            made[number, age] = row.id

    first, second = claimed(slots=5), claimed(slots=7)

    assert {d.id for d in first} == {made[key] for key in [(0, 4), (1, 4), (2, 4), (1, 3), (2, 3)]}
    assert {d.id for d in [*first, *second]} == set(made.values())


def test_lanes_behind_many_that_wait_are_found() -> None:
    tenant = rows.tenant()
    made = set()
    for number in range(30):
        row = rows.open_delivery(
            rows.event(tenant), rows.endpoint(tenant), due_in=-1.0 if number % 10 == 9 else 60.0
        )
        made |= {row.id} if number % 10 == 9 else set()

    assert {delivery.id for delivery in claimed()} == made
