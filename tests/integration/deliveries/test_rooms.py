"""What a claim takes where a loop has little room for an endpoint or a tenant."""

from collections import Counter
from typing import Any

import pytest
from django.forms import model_to_dict

from deliveries.claim import claim
from deliveries.models import DeliveryStatus, OpenDelivery
from deliveries.rooms import Rooms
from endpoints.models import Endpoint, Tenant, Throttle
from tests import rows
from tests.integration.deliveries.leasing import with_connection
from tests.integration.deliveries.looping import nothing_open, run_loop
from tests.receiver import answer, running
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)


def backlog(tenant: Tenant, count: int, **values: Any) -> Endpoint:
    endpoint = rows.endpoint(tenant, **values)
    one = rows.open_delivery(rows.event(tenant), endpoint)
    OpenDelivery.objects.bulk_create(
        OpenDelivery(**{**model_to_dict(one), "id": ids.new()}) for _ in range(count - 1)
    )
    return endpoint


@pytest.fixture(params=[False, True], ids=["plain", "limited"])
def limited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def taken(rooms: Rooms, limited: bool) -> Counter[object]:
    found = with_connection(lambda c: claim(c, rooms=rooms, seconds=30, limited=limited))
    return Counter(delivery.endpoint_id for delivery in found.deliveries)


def test_a_lane_gives_no_more_than_there_is_room(limited: bool) -> None:
    tenant = rows.tenant()
    narrow, full, other = (backlog(tenant, 50) for _ in range(3))

    found = taken(Rooms(100, {narrow.id: 3, full.id: 0}, 20), limited)

    assert found == {narrow.id: 3, other.id: 20}
    assert OpenDelivery.objects.filter(status=DeliveryStatus.SENDING).count() == 23


def test_what_has_no_room_takes_no_share_of_the_others(limited: bool) -> None:
    tenant = rows.tenant()
    stuck = [backlog(tenant, 5) for _ in range(20)]
    busy = backlog(tenant, 60)

    found = taken(Rooms(50, {lane.id: 0 for lane in stuck} | {busy.id: 200}, 10), limited)

    assert found == {busy.id: 50}


def test_slots_that_narrow_lanes_leave_go_to_wide_ones(limited: bool) -> None:
    tenant = rows.tenant()
    narrow, wide = backlog(tenant, 60), backlog(tenant, 60)

    found = taken(Rooms(50, {narrow.id: 5, wide.id: 44}, 0), limited)

    assert found == {narrow.id: 5, wide.id: 44}


def test_a_tenants_lanes_share_its_room(limited: bool) -> None:
    greedy, small = rows.tenant(), rows.tenant(name="Bob")
    lanes = [backlog(greedy, 10) for _ in range(10)]
    other = backlog(small, 30)

    found = taken(Rooms(100, tenants={greedy.id: 7}, whole=25), limited)

    assert sum(found[lane.id] for lane in lanes) == 7
    assert found[other.id] == 25


def test_without_rooms_nothing_is_bounded(limited: bool) -> None:
    endpoint = backlog(rows.tenant(), 300)

    assert taken(Rooms(256), limited) == {endpoint.id: 256}


def test_rates_and_rooms_hold_together() -> None:
    endpoint = backlog(rows.tenant(), 50, throttle_rate=100)
    Throttle.objects.create(key=endpoint.id, empty_at=ids.EPOCH)

    assert taken(Rooms(50, {endpoint.id: 4}), limited=True) == {endpoint.id: 4}


def test_a_lane_without_room_keeps_its_tokens() -> None:
    endpoint = backlog(rows.tenant(), 50, throttle_rate=100)
    Throttle.objects.create(key=endpoint.id, empty_at=ids.EPOCH)

    assert taken(Rooms(50, {endpoint.id: 0}), limited=True) == {}

    assert Throttle.objects.get().empty_at == ids.EPOCH


def test_a_lone_endpoint_that_answers_gets_all_slots() -> None:
    with running(lambda n, _: (0.2, answer(200))) as receiver:
        backlog(rows.tenant(), 1000, url=receiver.url)

        run_loop(nothing_open, seconds=20)

    assert (receiver.peak, len(receiver.requests)) == (256, 1000)


def test_hanging_endpoints_leave_the_slots_of_those_that_answer() -> None:
    with running(lambda n, _: (30.0, answer(200))) as hanging, running() as healthy:
        tenant = rows.tenant()
        policy = {"sendTimeout": 2, "retrySchedule": []}
        for _ in range(4):
            backlog(tenant, 60, url=hanging.url, policy=policy)
        backlog(tenant, 500, url=healthy.url)

        run_loop(lambda: len(healthy.requests) == 500, seconds=1.8)
        found = (hanging.peak, len(healthy.requests))

    assert found == (240, 500)


def test_who_has_answered_is_served_while_every_slow_slot_hangs() -> None:
    with running(lambda n, _: (30.0, answer(200))) as hanging, running() as healthy:
        tenant = rows.tenant()
        policy = {"sendTimeout": 6, "retrySchedule": []}
        known = backlog(tenant, 1, url=healthy.url)
        stuck = [rows.endpoint(tenant, url=hanging.url, policy=policy) for _ in range(20)]
        event = rows.event(tenant)
        step = 0

        def done() -> bool:
            nonlocal step
            if step == 0 and len(healthy.requests) == 1:
                for endpoint in stuck:
                    one = rows.open_delivery(event, endpoint)
                    values = model_to_dict(one)
                    OpenDelivery.objects.bulk_create(
                        OpenDelivery(**{**values, "id": ids.new()}) for _ in range(19)
                    )
                step = 1
            elif step == 1 and hanging.open >= 256:
                one = rows.open_delivery(rows.event(tenant), known)
                values = model_to_dict(one)
                OpenDelivery.objects.bulk_create(
                    OpenDelivery(**{**values, "id": ids.new()}) for _ in range(99)
                )
                step = 2
            return len(healthy.requests) == 101

        run_loop(done, seconds=5)
        found = (step, hanging.open, len(healthy.requests))

    assert found == (2, 256, 101)
