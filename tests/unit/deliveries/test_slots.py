"""Windows of endpoints, and who finds slots, in one loop without database or network."""

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


def prompt(slots: Slots, endpoint: UUID) -> None:
    answered(slots, begin(slots, endpoint, 1))


def window(slots: Slots, endpoint: UUID) -> int:
    return slots._known[endpoint].window


@pytest.fixture
def slots(clock: Clock) -> Slots:
    return Slots(256, 256)


@pytest.fixture
def endpoint() -> UUID:
    return ids.new()


def test_what_is_not_known_may_have_half(slots: Slots, endpoint: UUID) -> None:
    rooms = slots.rooms()
    assert (rooms.slots, rooms.of_endpoint(endpoint)) == (256, 128)

    begin(slots, endpoint, 128)

    assert slots.rooms().of_endpoint(endpoint) == 0
    assert (slots.quick, slots.slow) == (0, 128)


@pytest.mark.parametrize("seconds", [0.0, 2.0, 15.0])
def test_every_answer_widens_the_window_up_to_all_slots(
    slots: Slots, clock: Clock, endpoint: UUID, seconds: float
) -> None:
    sends = begin(slots, endpoint, 128)
    clock.now += seconds
    answered(slots, sends, status=500, error="http_status")
    assert window(slots, endpoint) == 256

    again = begin(slots, endpoint, 256)
    clock.now += seconds
    assert slots.rooms().of_endpoint(endpoint) == 0
    answered(slots, again)
    assert window(slots, endpoint) == 256


def test_an_endpoint_has_no_more_than_the_setting_allows(clock: Clock, endpoint: UUID) -> None:
    slots = Slots(256, 40)
    assert slots.rooms().of_endpoint(endpoint) == 40

    answered(slots, begin(slots, endpoint, 40))

    assert window(slots, endpoint) == 40


@pytest.mark.parametrize(
    "error", ["timeout", "connect_timeout", "connect_refused", "tls_error", "dns_timeout"]
)
def test_stalls_halve_the_window_down_to_one(slots: Slots, endpoint: UUID, error: str) -> None:
    sizes = []
    for _ in range(9):
        answered(slots, begin(slots, endpoint, 1), status=0, error=error)
        sizes.append(window(slots, endpoint))

    assert sizes == [64, 32, 16, 8, 4, 2, 1, 1, 1]
    assert slots.rooms().of_endpoint(endpoint) == 1


@pytest.mark.parametrize("error", ["worker_lost", "dns_ours", "pool", "stale_connection"])
def test_faults_of_ours_change_nothing(slots: Slots, endpoint: UUID, error: str) -> None:
    answered(slots, begin(slots, endpoint, 5), status=0, error=error)

    assert window(slots, endpoint) == 128


def test_a_window_that_is_nearly_full_is_told(slots: Slots, endpoint: UUID) -> None:
    answered(slots, begin(slots, endpoint, 128))

    begin(slots, endpoint, 100)
    assert slots.rooms().of_endpoint(endpoint) == 128
    begin(slots, endpoint, 128)
    assert slots.rooms().of_endpoint(endpoint) == 28


def test_freed_slots_are_told_when_an_eighth_is_free(slots: Slots, endpoint: UUID) -> None:
    few = begin(slots, endpoint, 100)
    assert not slots.end(few[0], outcome(few[0]))
    assert not slots.capped

    begin(slots, endpoint, slots._known[endpoint].window - 99)
    assert slots.capped

    # Each answer frees a slot and adds one to the window: 2, 4, … of 130 and more.
    told = [slots.end(send, outcome(send)) for send in few[1:20]]
    assert told == [False] * 8 + [True] * 11
    slots.rooms()
    assert not slots.capped


def test_what_is_capped_stays_so_while_others_are_claimed(slots: Slots, endpoint: UUID) -> None:
    begin(slots, endpoint, 128)

    slots.rooms()
    begin(slots, ids.new(), 1, OTHER)

    assert slots.capped


def test_a_tenant_leaves_a_quarter_of_the_prompt_slots(slots: Slots, endpoint: UUID) -> None:
    answered(slots, begin(slots, endpoint, 128))

    sends = begin(slots, endpoint, 256)

    rooms = slots.rooms()
    assert (rooms.slots, rooms.of_tenant(TENANT), rooms.of_tenant(OTHER)) == (64, 0, 256)
    assert [slots.end(send, outcome(send)) for send in sends[:32]] == [False] * 31 + [True]


def test_hanging_sends_take_no_slot_of_prompt_endpoints(slots: Slots, clock: Clock) -> None:
    quick, hanging = ids.new(), [ids.new() for _ in range(64)]
    for endpoint in (quick, *hanging):
        prompt(slots, endpoint)
    for endpoint in hanging:
        begin(slots, endpoint, 4, ids.new())
    assert (slots.quick, slots.slow, slots.free()) == (256, 0, 64)

    clock.now += 0.6

    rooms = slots.rooms()
    assert (slots.quick, slots.slow, slots.strained) == (0, 256, True)
    assert {rooms.of_endpoint(endpoint) for endpoint in hanging} == {0}
    assert (rooms.slots, rooms.of_endpoint(quick), rooms.of_endpoint(ids.new())) == (128, 2, 2)


@pytest.fixture
def stuck(slots: Slots) -> tuple[Slots, UUID]:
    """Return slots of which slow sends hold all they may, and an endpoint that has answered."""
    quick = ids.new()
    prompt(slots, quick)
    for _ in range(3):
        begin(slots, ids.new(), 128, ids.new())
    return slots, quick


def test_endpoints_not_met_before_leave_places_to_others_not_met(slots: Slots) -> None:
    for _ in range(2):
        endpoint = ids.new()
        for _ in range(slots.rooms().of_endpoint(endpoint)):
            slots.begin(delivery(endpoint))

    rooms = slots.rooms()
    assert (slots.slow, rooms.slots) == (slots.total, slots.total // 2)
    assert rooms.of_endpoint(ids.new()) == 2


def test_then_only_endpoints_known_to_be_prompt_are_claimed(stuck: tuple[Slots, UUID]) -> None:
    slots, quick = stuck

    rooms = slots.rooms()

    assert (slots.slow, rooms.slots) == (384, 128)
    assert (rooms.of_endpoint(quick), rooms.of_endpoint(ids.new())) == (129, 0)
    begin(slots, quick, 128)
    assert (slots.free(), slots.rooms().of_endpoint(quick)) == (0, 1)


def test_who_begins_to_hang_loses_them(stuck: tuple[Slots, UUID], clock: Clock) -> None:
    slots, quick = stuck
    sends = begin(slots, quick, 1)

    clock.now += 0.6
    assert slots.rooms().of_endpoint(quick) == 0

    answered(slots, sends)
    assert slots.rooms().of_endpoint(quick) == 0
    prompt(slots, quick)
    assert slots.rooms().of_endpoint(quick) == 131


@pytest.mark.parametrize("total", [1, 2, 3])
def test_few_slots_are_some(clock: Clock, total: int) -> None:
    slots = Slots(total, total)
    endpoint = ids.new()
    assert slots.rooms().of_endpoint(endpoint) == 1

    prompt(slots, endpoint)

    assert (slots.rooms().slots, slots.rooms().of_tenant(TENANT)) == (total, total)


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
