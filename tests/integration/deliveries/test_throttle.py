"""`throttleRate` of endpoints and tenants: what a claim takes, and what it leaves for later."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest

from deliveries.claim import Claimed, Claims, claim
from deliveries.models import Attempt, DeliveryStatus, OpenDelivery, Trigger
from deliveries.outcome import Closed, LeasedDelivery
from deliveries.rooms import Rooms
from endpoints.models import Endpoint, Throttle
from tests import rows
from tests.integration.deliveries.leasing import with_connection
from tests.integration.deliveries.looping import nothing_open, run_loop
from tests.receiver import running
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


def claim_once(slots: int = 100) -> Claimed:
    return with_connection(lambda c: claim(c, rooms=Rooms(slots), seconds=30, limited=True))


def claimed(slots: int = 100) -> list[LeasedDelivery]:
    return claim_once(slots).deliveries


def filled(key: object, seconds: float) -> None:
    """Let a bucket have been empty so many seconds ago."""
    empty_at = datetime.now(UTC) - timedelta(seconds=seconds)
    Throttle.objects.update_or_create(key=key, defaults={"empty_at": empty_at})


def test_lanes_without_a_rate_have_no_bucket_and_no_limit() -> None:
    rows.backlog(rows.tenant(), 30)

    assert claim_once() == Claimed(ANY)
    assert OpenDelivery.objects.filter(status=DeliveryStatus.SENDING).count() == 30
    assert Throttle.objects.count() == 0


def test_a_loop_obeys_rates_once_it_has_met_one() -> None:
    tenant = rows.tenant()
    slow, fast = rows.backlog(tenant, 9, throttle_rate=1), rows.backlog(tenant, 3)
    filled(slow.id, 60)
    claims = Claims()

    def next_one() -> tuple[dict[object, int], bool]:
        found = with_connection(lambda c: claims.claim(c, rooms=Rooms(20), seconds=30))
        return Counter(d.endpoint_id for d in found.deliveries), found.limited

    # The statement without rates leaves such lanes out, and tells of them.
    assert next_one() == ({fast.id: 3}, True)
    assert next_one() == ({slow.id: 1}, True)
    assert next_one() == ({}, True)


def test_a_lone_delivery_with_a_rate_needs_no_second_look() -> None:
    filled(rows.backlog(rows.tenant(), 1, throttle_rate=1).id, 60)

    found = with_connection(lambda c: Claims().claim(c, rooms=Rooms(20), seconds=30))

    assert (len(found.deliveries), found.throttled) == (1, None)


def test_the_first_claim_of_a_rate_makes_a_full_bucket() -> None:
    endpoint = rows.backlog(rows.tenant(), 50, throttle_rate=1)

    first, second, third = claim_once(), claim_once(), claim_once()

    assert (first.deliveries, first.throttled) == ([], 0.0)
    assert (len(second.deliveries), second.throttled) == (1, None)
    assert third.deliveries == []
    assert third.throttled is not None
    assert 0 < third.throttled <= 0.85
    assert Throttle.objects.get().key == endpoint.id
    left = OpenDelivery.objects.filter(status=DeliveryStatus.PENDING)
    assert (left.count(), set(left.values_list("attempts", "charged"))) == (49, {(0, 0)})


def test_tokens_are_handed_out_in_grains() -> None:
    endpoint = rows.backlog(rows.tenant(), 50, throttle_rate=200)
    filled(endpoint.id, -10)
    enough_at = Throttle.objects.get().empty_at + timedelta(seconds=10 / 200)

    before = datetime.now(UTC)
    found = claim_once()
    after = datetime.now(UTC)

    assert found.deliveries == []
    assert found.throttled is not None
    assert (enough_at - after).total_seconds() < found.throttled
    assert found.throttled < (enough_at - before).total_seconds()


def test_what_is_not_taken_stays_in_the_bucket() -> None:
    endpoint = rows.backlog(rows.tenant(), 3, throttle_rate=1000)
    filled(endpoint.id, 0.1)
    before = Throttle.objects.get().empty_at

    assert len(claimed()) == 3

    assert Throttle.objects.get().empty_at - before == timedelta(milliseconds=3)


def test_a_clock_that_was_ahead_stops_nothing() -> None:
    endpoint = rows.backlog(rows.tenant(), 5, throttle_rate=1)
    filled(endpoint.id, -3600)

    assert len(claimed()) == 1
    assert claimed() == []
    left = Throttle.objects.get().empty_at - datetime.now(UTC)
    assert timedelta() < left <= timedelta(seconds=1)


def test_a_long_rest_fills_the_bucket_once() -> None:
    endpoint = rows.backlog(rows.tenant(), 200, throttle_rate=1000)
    filled(endpoint.id, 3600)

    # One, and what comes back in 0.15 s.
    assert len(claimed(slots=300)) == 151


@pytest.mark.parametrize("manual", [False, True])
def test_manual_attempts_obey_and_come_first(manual: bool) -> None:
    tenant = rows.tenant()
    endpoint = rows.backlog(tenant, 5, throttle_rate=1)
    chosen = OpenDelivery.objects.order_by("-id")[0]
    if manual:
        OpenDelivery.objects.filter(id=chosen.id).update(
            next_attempt_at=ids.EPOCH, trigger=Trigger.MANUAL
        )
    else:
        OpenDelivery.objects.filter(id=chosen.id).update(
            next_attempt_at=datetime.now(UTC) - timedelta(hours=1)
        )
    filled(endpoint.id, 60)

    assert [delivery.id for delivery in claimed()] == [chosen.id]
    assert claimed() == []


def test_a_tenants_rate_holds_for_all_its_endpoints_together() -> None:
    tenant = rows.tenant(throttle_rate=20)
    lanes = [rows.backlog(tenant, 4) for _ in range(10)]
    filled(tenant.id, 60)

    leased = claimed()

    assert len(leased) == 4
    assert {delivery.endpoint_id for delivery in leased} <= {lane.id for lane in lanes}


def test_a_tenants_tokens_go_round_its_endpoints() -> None:
    tenant = rows.tenant(throttle_rate=20)
    old = rows.endpoint(tenant)
    for _ in range(60):
        rows.open_delivery(rows.event(tenant), old, due_in=-600)
    young = rows.backlog(tenant, 60)

    turns: Counter[object] = Counter()
    for _ in range(10):
        filled(tenant.id, 60)
        turns.update(delivery.endpoint_id for delivery in claimed())

    assert turns == {old.id: 20, young.id: 20}


def test_the_smaller_of_both_rates_counts() -> None:
    tenant = rows.tenant(throttle_rate=20)
    slow, fast = (
        rows.backlog(tenant, 9, throttle_rate=1),
        rows.backlog(tenant, 9, throttle_rate=1000),
    )
    for key in (tenant.id, slow.id, fast.id):
        filled(key, 60)

    assert Counter(delivery.endpoint_id for delivery in claimed()) == {slow.id: 1, fast.id: 2}
    filled(tenant.id, 60)
    assert Counter(delivery.endpoint_id for delivery in claimed()) == {fast.id: 4}


def test_an_endpoint_takes_nothing_where_its_tenant_may_not() -> None:
    tenant = rows.tenant(throttle_rate=1)
    endpoint = rows.backlog(tenant, 9, throttle_rate=100)
    filled(tenant.id, -30)
    filled(endpoint.id, 60)
    before = Throttle.objects.get(key=endpoint.id).empty_at

    found = claim_once()

    assert found.deliveries == []
    assert found.throttled == pytest.approx(31, abs=5)
    assert Throttle.objects.get(key=endpoint.id).empty_at == before


def test_a_throttled_lane_takes_no_share_of_the_others() -> None:
    tenant = rows.tenant()
    for _ in range(10):
        filled(rows.backlog(tenant, 5, throttle_rate=1).id, -30)
    busy = rows.backlog(tenant, 60)

    found = claim_once(slots=40)

    assert Counter(delivery.endpoint_id for delivery in found.deliveries) == {busy.id: 40}
    assert found.throttled == pytest.approx(31, abs=10)


def test_slots_that_a_throttled_lane_leaves_go_to_the_others() -> None:
    limited, free = rows.tenant(throttle_rate=20), rows.tenant(name="Charlie")
    for _ in range(3):
        rows.backlog(limited, 20)
    filled(limited.id, 60)
    busy = rows.backlog(free, 60)

    leased = claimed(slots=40)

    # Its lanes were offered two rows each, of which two are over its rate.
    assert Counter(delivery.tenant_id for delivery in leased) == {limited.id: 4, free.id: 34}
    assert {d.endpoint_id for d in leased if d.tenant_id == free.id} == {busy.id}


def test_rows_of_a_disabled_endpoint_wait_for_no_tokens() -> None:
    tenant = rows.tenant(throttle_rate=1)
    endpoint = rows.backlog(tenant, 5, throttle_rate=1, disabled_at=datetime.now(UTC))

    assert [d.closed for d in claimed()] == [Closed.DISABLED] * 5
    assert Throttle.objects.count() == 0
    assert endpoint.throttle_rate == 1


def test_a_changed_rate_holds_for_the_next_claim() -> None:
    endpoint = rows.backlog(rows.tenant(), 50, throttle_rate=1)
    filled(endpoint.id, 0.2)

    assert claimed() == []
    Endpoint.objects.update(throttle_rate=10)
    assert len(claimed()) in (2, 3)
    Endpoint.objects.update(throttle_rate=None)
    assert len(claimed()) >= 47


def test_racing_claims_take_no_more_than_there_is() -> None:
    tenant = rows.tenant(throttle_rate=100)
    own = rows.backlog(tenant, 60, throttle_rate=40)
    other = rows.backlog(tenant, 60)

    async def race() -> Counter[object]:
        connections = [await connect("test") for _ in range(6)]
        taken: Counter[object] = Counter()
        for _ in range(4):
            found = await asyncio.gather(
                *[claim(c, rooms=Rooms(50), seconds=30, limited=True) for c in connections]
            )
            taken.update(d.endpoint_id for one in found for d in one.deliveries)
        for connection in connections:
            await connection.close()
        return taken

    filled(tenant.id, 3600)
    filled(own.id, 3600)
    began = datetime.now(UTC)
    taken = asyncio.run(race())
    lasted = (datetime.now(UTC) - began).total_seconds()

    assert 0 < taken[own.id] <= 7 + 40 * lasted
    # The first claim offers each lane half of the tenant's sixteen, of which one has seven.
    assert 15 <= taken[own.id] + taken[other.id] <= 16 + 100 * lasted


def test_a_loop_keeps_the_rate_and_loses_nothing_while_others_flow() -> None:
    with running() as slow, running() as fast:
        tenant = rows.tenant()
        limited = rows.backlog(tenant, 60, url=slow.url, throttle_rate=20)
        rows.backlog(tenant, 100, url=fast.url)
        filled(limited.id, 0)

        began = time.monotonic()
        run_loop(nothing_open)
        lasted = time.monotonic() - began

    assert (len(slow.requests), len(fast.requests)) == (60, 100)
    # From an empty bucket: sixty at twenty a second. One that looks at its lanes only now and then
    # would need 13 s.
    assert 2.85 <= lasted < 6
    assert set(Attempt.objects.values_list("number", "error_kind")) == {(1, None)}
