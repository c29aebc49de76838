"""Windows, shares and the reserve of one loop, without database or network."""

import json
from uuid import UUID

import pytest

from deliveries import slots as slots_module
from deliveries.outcome import Closed, LeasedDelivery, Outcome, Request, Verdict
from deliveries.rooms import NO_LIMIT, Rooms
from deliveries.slots import Send, Slots
from webhooks_platform.lib import ids

TENANT, OTHER = ids.new(), ids.new()


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(slots_module, "time", clock)
    return clock


def delivery(endpoint: UUID, tenant: UUID = TENANT) -> LeasedDelivery:
    return LeasedDelivery(
        id=ids.new(), event_id=ids.new(), endpoint_id=endpoint, tenant_id=tenant,
        lease_id=ids.new(), number=1, charged=0, faults=0, lost=0, trigger=0, closed=Closed.NO,
        version=(1, 1),
    )  # fmt: skip


def outcome(of: Send, status: int = 200, error: str | None = None) -> Outcome:
    request = Request(ids.new(), status, error, 1, "http://127.0.0.1:9/", "")
    return Outcome(of.delivery, Verdict.DELIVERED, request)


def begin(slots: Slots, endpoint: UUID, count: int, tenant: UUID = TENANT) -> list[Send]:
    return [slots.begin(delivery(endpoint, tenant)) for _ in range(count)]


def answered(slots: Slots, sends: list[Send], status: int = 200, error: str | None = None) -> None:
    for send in sends:
        slots.end(send, outcome(send, status, error))


def window(slots: Slots, endpoint: UUID) -> int:
    return slots._known[endpoint].window


@pytest.fixture
def slots(clock: Clock) -> Slots:
    return Slots(256, 256)


@pytest.fixture
def endpoint() -> UUID:
    return ids.new()


def test_what_is_not_known_may_have_an_eighth(slots: Slots, endpoint: UUID) -> None:
    rooms = slots.rooms()
    assert (rooms.slots, rooms.of_endpoint(endpoint)) == (256, 32)

    begin(slots, endpoint, 32)

    assert (slots.rooms().slots, slots.rooms().of_endpoint(endpoint)) == (224, 0)


def test_quick_answers_open_the_window_to_all_slots(slots: Slots, endpoint: UUID) -> None:
    for size in (32, 64, 128):
        answered(slots, begin(slots, endpoint, size))

    assert window(slots, endpoint) == 256
    answered(slots, begin(slots, endpoint, 256), status=500, error="http_status")
    assert window(slots, endpoint) == 256


def test_an_endpoint_has_no_more_than_the_setting_allows(clock: Clock, endpoint: UUID) -> None:
    slots = Slots(256, 40)

    answered(slots, begin(slots, endpoint, 200))

    assert window(slots, endpoint) == 40


@pytest.mark.parametrize(
    ("seconds", "settled"), [(1.0, 256), (2.0, 128), (4.0, 64), (15.0, 17), (60.0, 4)]
)
def test_slow_answers_deserve_fewer_slots(
    slots: Slots, clock: Clock, endpoint: UUID, seconds: float, settled: int
) -> None:
    for _ in range(300):
        sends = begin(slots, endpoint, 1)
        clock.now += seconds
        answered(slots, sends)

    assert window(slots, endpoint) == settled


@pytest.mark.parametrize(
    "error", ["timeout", "connect_timeout", "connect_refused", "tls_error", "dns_timeout"]
)
def test_stalls_halve_the_window_down_to_one(slots: Slots, endpoint: UUID, error: str) -> None:
    sizes = []
    for _ in range(7):
        answered(slots, begin(slots, endpoint, 1), status=0, error=error)
        sizes.append(window(slots, endpoint))

    assert sizes == [16, 8, 4, 2, 1, 1, 1]
    assert slots.rooms().of_endpoint(endpoint) == 1


@pytest.mark.parametrize("error", ["worker_lost", "dns_ours", "pool", "stale_connection"])
def test_faults_of_ours_change_nothing(slots: Slots, endpoint: UUID, error: str) -> None:
    answered(slots, begin(slots, endpoint, 5), status=0, error=error)

    assert window(slots, endpoint) == 32


def test_a_freed_slot_is_told_only_where_it_was_waited_for(slots: Slots, endpoint: UUID) -> None:
    batch = [delivery(endpoint) for _ in range(32)]
    slots.claimed(batch[:10], slots.rooms())
    few = [slots.begin(one) for one in batch[:10]]
    assert not slots.end(few[0], outcome(few[0]))

    rooms = slots.rooms()
    slots.claimed([delivery(endpoint) for _ in range(rooms.of_endpoint(endpoint))], rooms)

    assert slots.end(few[1], outcome(few[1]))


def test_a_hungry_endpoint_is_offered_its_whole_window(slots: Slots, endpoint: UUID) -> None:
    answered(slots, begin(slots, endpoint, 100))
    begin(slots, endpoint, 10)
    assert slots.rooms().of_endpoint(endpoint) == 32

    slots.claimed([delivery(endpoint)] * 32, slots.rooms())

    assert slots.rooms().of_endpoint(endpoint) == 122


def test_a_tenant_leaves_a_quarter_once_others_have_had_work(
    slots: Slots, clock: Clock, endpoint: UUID
) -> None:
    begin(slots, endpoint, 10)
    assert slots.rooms().of_tenant(TENANT) == NO_LIMIT

    begin(slots, ids.new(), 2, OTHER)
    rooms = slots.rooms()
    assert (rooms.of_tenant(TENANT), rooms.of_tenant(OTHER), rooms.of_tenant(ids.new())) == (
        182, 190, 192,
    )  # fmt: skip

    clock.now += 61
    assert slots.rooms().of_tenant(TENANT) == NO_LIMIT


@pytest.fixture
def stuck(slots: Slots, clock: Clock) -> tuple[Slots, UUID, UUID]:
    """Return slots that hanging endpoints hold, one that has answered, and one of those."""
    quick = ids.new()
    answered(slots, begin(slots, quick, 40))
    hanging = [ids.new() for _ in range(8)]
    for key in hanging:
        begin(slots, key, 32)
    return slots, quick, hanging[0]


def test_the_reserve_opens_for_the_quick_while_others_hold_the_slots(
    stuck: tuple[Slots, UUID, UUID],
) -> None:
    slots, quick, hanging = stuck

    assert slots.free() == 64
    rooms = slots.rooms()
    assert (rooms.slots, rooms.of_endpoint(quick), rooms.of_endpoint(hanging)) == (32, 4, 0)
    assert rooms.of_endpoint(ids.new()) == 1

    begin(slots, quick, 3)
    assert slots.rooms().of_endpoint(quick) == 1


def test_half_of_the_reserve_is_for_nobody_new(stuck: tuple[Slots, UUID, UUID]) -> None:
    slots, quick, _ = stuck
    for _ in range(32):
        begin(slots, ids.new(), 1)

    rooms = slots.rooms()
    assert (rooms.slots, rooms.of_endpoint(quick), rooms.of_endpoint(ids.new())) == (32, 4, 0)
    for _ in range(32):
        begin(slots, ids.new(), 1)
    assert slots.free() == 0


def test_who_begins_to_hang_loses_the_reserve(
    stuck: tuple[Slots, UUID, UUID], clock: Clock
) -> None:
    slots, quick, _ = stuck
    begin(slots, quick, 1)

    clock.now += 1.1

    assert slots.rooms().of_endpoint(quick) == 0


def test_busy_slots_open_no_reserve_until_they_are_slow(
    slots: Slots, clock: Clock, endpoint: UUID
) -> None:
    answered(slots, begin(slots, endpoint, 1))
    begin(slots, endpoint, 256)
    clock.now += 0.9

    assert (slots.free(), slots.rooms().slots) == (0, 0)
    clock.now += 0.2
    assert slots.free() == 64


def test_what_is_remembered_is_bounded(
    slots: Slots, monkeypatch: pytest.MonkeyPatch, endpoint: UUID
) -> None:
    monkeypatch.setattr(slots_module, "KNOWN", 10)
    monkeypatch.setattr(slots_module, "SHRUNK", 5)
    open_one = begin(slots, endpoint, 1)
    for _ in range(50):
        answered(slots, begin(slots, ids.new(), 1), status=0, error="timeout")

    assert (len(slots._known), endpoint in slots._known) == (10, True)
    assert len(slots._noted) <= 6
    answered(slots, open_one)
    assert (slots.held, slots._tenants) == (0, {})


def test_rooms_are_passed_as_json(endpoint: UUID) -> None:
    values = Rooms(5, {endpoint: 2}, 7).parameters()

    assert json.loads(values["rooms"]) == {str(endpoint): 2}
    assert (values["slots"], values["room"]) == (5, 7)
    assert (values["tenant_rooms"], values["tenant_room"]) == ("{}", NO_LIMIT)
