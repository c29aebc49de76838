"""Replay jobs: what they select, how they are taken up, and that their numbers add up."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries import replay
from deliveries import take_up as step
from deliveries.models import (
    DeadLetter,
    Delivery,
    DeliveryStatus,
    OpenDelivery,
    Replay,
    ReplayLane,
    SettledDelivery,
    Trigger,
)
from deliveries.replay import WrongStateError
from deliveries.selection import Selection
from endpoints import lifecycle
from endpoints.models import AuditEntry, Endpoint, EndpointHealth, Tenant
from tests.integration.deliveries.leasing import claimed, dead, delivered, recorded, retry
from tests.integration.deliveries.replay.conftest import BOB, taken_up
from tests.integration.deliveries.rows import (
    letter_of,
    make_dead,
    make_endpoint,
    make_event,
    make_open,
    make_settled,
    make_tenant,
)
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now


def start(tenant: Tenant, source: str = "dead-letter", **values: Any) -> Replay:
    rate = values.pop("rate_per_second", None)
    return replay.start(
        tenant, Selection(source, **values), note="why", actor=BOB, rate_per_second=rate
    )


def numbers(job: Replay) -> tuple[Any, ...]:
    job.refresh_from_db()
    return job.state, job.total, job.queued, job.delivered, job.failed


def test_dead_letters_are_delivered_again_and_decided(
    tenant: Tenant, endpoint: Endpoint, hints: list[bytes]
) -> None:
    letters = [make_dead(tenant, endpoint) for _ in range(3)]

    job = start(tenant)
    assert numbers(job) == ("running", 3, 0, 0, 0)
    assert taken_up() == (step.TakenUp(jobs=1, deliveries=3))
    assert numbers(job) == ("running", 3, 3, 0, 0)
    recorded([delivered(lease) for lease in claimed()])

    assert numbers(job) == ("finished", 3, 0, 3, 0)
    for letter in DeadLetter.objects.all():
        assert (letter.decision, letter.decided_by, letter.note) == ("replayed", "bob", "why")
        assert (letter.replay_id, letter.decided_at is not None) == (job.id, True)
    rows = SettledDelivery.objects.filter(id__in=[letter.delivery_id for letter in letters])
    assert {row.status for row in rows} == {DeliveryStatus.DELIVERED}
    assert {row.attempts for row in rows} == {7}
    assert hints == [b"replay"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.actor) == ("replay.started", str(job), "bob")


def test_a_replayed_delivery_has_its_schedule_anew_with_manual_attempts(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    make_dead(tenant, endpoint)
    job = start(tenant)
    taken_up()

    [lease] = claimed()
    assert (lease.trigger, lease.charged, lease.number) == (Trigger.MANUAL, 0, 7)
    recorded([retry(lease)])

    row = OpenDelivery.objects.get()
    assert (row.status, row.trigger, row.charged) == (DeliveryStatus.PENDING, Trigger.MANUAL, 1)
    assert row.job_id == job.id
    assert numbers(job) == ("running", 1, 1, 0, 0)


def test_one_that_fails_for_good_again_becomes_a_new_letter(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    old = make_dead(tenant, endpoint)
    job = start(tenant)
    taken_up()
    recorded([dead(lease, organization_id=tenant.organization_id) for lease in claimed()])

    new = DeadLetter.objects.get(decision__isnull=True)
    old.refresh_from_db()
    assert (new.delivery_id, new.attempts) == (old.delivery_id, 7)
    assert (old.decision, old.attempts) == ("replayed", 6)
    assert numbers(job) == ("finished", 1, 0, 0, 1)
    assert taken_up().deliveries == 0


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        # no filter takes all
        ({}, {"a", "b", "c"}),
        ({"event_types": ("t.b",)}, {"b"}),
        ({"reasons": ("permanent",)}, {"c"}),
        # class 0 is no answer at all
        ({"status_code_class": 0}, {"b"}),
        ({"status_code_class": 400}, {"c"}),
        ({"channels": ("red", "blue")}, {"c"}),
        ({"since": NOW() - timedelta(hours=3)}, {"b", "c"}),
        ({"until": NOW() - timedelta(hours=3)}, {"a"}),
        ({"reasons": ("gone",)}, set()),
    ],
)
def test_filters_of_letters(
    tenant: Tenant, endpoint: Endpoint, values: dict[str, Any], wanted: set[str]
) -> None:
    def letter(name: str, hours: int, **facts: Any) -> DeadLetter:
        channels = facts.pop("channels", None)
        event = make_event(
            tenant, at=NOW() - timedelta(hours=hours), event_type=f"t.{name}", channels=channels
        )
        return make_dead(tenant, endpoint, event=event, **facts)

    made = {
        "a": letter("a", 5),
        "b": letter("b", 2, last_status_code=0, last_error="timeout"),
        "c": letter("c", 1, last_status_code=404, reason="permanent", channels=["red"]),
    }

    job = start(tenant, **values)
    taken_up()

    assert numbers(job)[1] == len(wanted)
    opened = set(OpenDelivery.objects.values_list("id", flat=True))
    assert opened == {made[name].delivery_id for name in wanted}
    decided = DeadLetter.objects.exclude(decision=None).values_list("id", flat=True)
    assert set(decided) == {made[name].id for name in wanted}


def deliveries_of_all_kinds(tenant: Tenant, endpoint: Endpoint) -> dict[str, Any]:
    """One delivery of each kind, settled or open, by name."""
    failed = {"attempts": 2, "last_status_code": 500, "last_error": "http_status"}
    events = {
        name: make_event(tenant) for name in ("good", "dead", "failed", "parked", "retry", "fresh")
    }
    made = {
        "good": make_settled(events["good"], endpoint, DeliveryStatus.DELIVERED),
        "dead": make_settled(events["dead"], endpoint, DeliveryStatus.DEAD, **failed),
        "failed": make_settled(events["failed"], endpoint, DeliveryStatus.PARKED, **failed),
        "parked": make_settled(events["parked"], endpoint, DeliveryStatus.PARKED),
        "retry": make_open(events["retry"], endpoint, **failed),
        "fresh": make_open(events["fresh"], endpoint),
    }
    letter_of(made["dead"], events["dead"])
    return made


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("dead-letter", {"dead"}),
        ("failed", {"dead", "failed"}),
        ("missing", {"parked"}),
        # a waiting retry is made at once; what was never tried is on its way anyhow
        ("all", {"good", "dead", "failed", "parked", "retry"}),
    ],
)
def test_what_the_sources_select(
    tenant: Tenant, endpoint: Endpoint, source: str, wanted: set[str]
) -> None:
    made = deliveries_of_all_kinds(tenant, endpoint)

    job = start(tenant, source)
    assert numbers(job) == ("running", len(wanted), 0, 0, 0)
    while taken_up().deliveries:
        pass

    due = OpenDelivery.objects.filter(job_id=job.id, next_attempt_at__lte=NOW())
    assert set(due.values_list("id", flat=True)) == {made[name].id for name in wanted}
    assert numbers(job) == ("running", len(wanted), len(wanted), 0, 0)
    assert Delivery.objects.count() == len(made)
    letter = DeadLetter.objects.get()
    assert letter.decision == ("replayed" if "dead" in wanted else None)


def test_missing_are_also_events_that_the_endpoint_did_not_want_then(tenant: Tenant) -> None:
    wanted = make_event(tenant, event_type="a.b", channels=["red"])
    make_event(tenant, event_type="a.c", channels=["red"])
    make_event(tenant, event_type="a.b")
    make_event(tenant, event_type="a.b", channels=["red"], payload=None)
    other = make_event(make_tenant("Charlie"), event_type="a.b", channels=["red"])
    late = make_endpoint(tenant, event_types=["a.b"], channels=["red", "blue"])

    job = start(tenant, "missing", endpoint_ids=(late.id,))
    taken_up()

    row = OpenDelivery.objects.get()
    assert (row.event_id, row.endpoint_id, row.attempts) == (wanted.id, late.id, 0)
    assert row.event_id != other.id
    recorded([delivered(lease) for lease in claimed()])
    assert numbers(job) == ("finished", 1, 0, 1, 0)


def test_each_is_taken_up_once_in_small_portions(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "PORTION", 2)
    monkeypatch.setattr(step, "SCAN", 3)
    second = make_endpoint(tenant)
    for number in range(10):
        make_dead(tenant, endpoint if number % 3 else second)
        make_settled(make_event(tenant), endpoint, DeliveryStatus.DELIVERED)

    job = start(tenant, "failed")
    while taken_up().deliveries:
        pass

    assert numbers(job) == ("running", 10, 10, 0, 0)
    leases = claimed()
    assert len(leases) == 10
    recorded([delivered(lease) for lease in leases])
    assert numbers(job) == ("finished", 10, 0, 10, 0)
    assert not ReplayLane.objects.filter(done=False).exists()


def test_no_more_is_queued_than_may_wait_untried(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "LANE_UNTRIED", 2)
    monkeypatch.setattr(step, "PORTION", 2)
    second = make_endpoint(tenant)
    for number in range(10):
        make_dead(tenant, second if number == 9 else endpoint)

    job = start(tenant)
    taken_up()
    # The second endpoint is not held up by the first.
    assert numbers(job)[2] == 3
    recorded([retry(lease) for lease in claimed()])
    taken_up()
    # What waits for a retry leaves its place to others.
    assert numbers(job)[2] == 5


def test_the_pace_is_kept(tenant: Tenant, endpoint: Endpoint) -> None:
    for _ in range(30):
        make_dead(tenant, endpoint)

    job = start(tenant, rate_per_second=2)
    assert taken_up().deliveries == 0
    Replay.objects.update(paced_at=NOW() - timedelta(seconds=0.6))
    assert taken_up().deliveries == 1
    Replay.objects.update(paced_at=NOW() - timedelta(minutes=5))
    # However long nothing was taken up, one second's worth is made up for.
    assert taken_up() == step.TakenUp(jobs=1, deliveries=2)
    assert taken_up().deliveries == 0
    assert numbers(job) == ("running", 30, 3, 0, 0)


def test_pause_resume_and_cancel(tenant: Tenant, endpoint: Endpoint) -> None:
    letters = [make_dead(tenant, endpoint) for _ in range(4)]
    job = start(tenant, rate_per_second=2)
    Replay.objects.update(paced_at=NOW() - timedelta(minutes=1))
    assert taken_up().deliveries == 2

    replay.change(job, "pause", actor=BOB)
    Replay.objects.update(paced_at=NOW() - timedelta(seconds=1))
    assert taken_up() == step.TakenUp(jobs=0, deliveries=0)
    with pytest.raises(WrongStateError, match="paused cannot be paused"):
        replay.change(job, "pause", actor=BOB)
    replay.change(job, "resume", actor=BOB)
    with pytest.raises(WrongStateError, match="running cannot be resumed"):
        replay.change(job, "resume", actor=BOB)
    replay.change(job, "cancel", actor=BOB)

    assert taken_up().deliveries == 0
    assert numbers(job) == ("cancelled", 4, 2, 0, 0)
    still_open = DeadLetter.objects.filter(decision=None).order_by("id")
    assert [letter.id for letter in still_open] == [letter.id for letter in letters[2:]]
    recorded([delivered(lease) for lease in claimed()])
    assert numbers(job) == ("cancelled", 4, 0, 2, 0)
    for action in ("pause", "resume", "cancel"):
        with pytest.raises(WrongStateError):
            replay.change(job, action, actor=BOB)
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == [
        "replay.started", "replay.paused", "replay.resumed", "replay.cancelled",
    ]  # fmt: skip


def test_a_job_whose_last_delivery_ended_while_paused_finishes_when_resumed(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    make_dead(tenant, endpoint)
    job = start(tenant)
    taken_up()
    replay.change(job, "pause", actor=BOB)
    recorded([delivered(lease) for lease in claimed()])
    assert numbers(job) == ("paused", 1, 0, 1, 0)

    assert replay.change(job, "resume", actor=BOB).state == "finished"
    assert numbers(job) == ("finished", 1, 0, 1, 0)


def test_a_disabled_endpoint_gets_nothing_and_its_letters_stay_open(tenant: Tenant) -> None:
    closed, deleted = make_endpoint(tenant, disabled_at=NOW()), make_endpoint(tenant)
    make_dead(tenant, closed)
    make_dead(tenant, deleted)
    job = start(tenant)
    lifecycle.delete(deleted, actor=BOB)

    taken_up()

    assert numbers(job) == ("finished", 1, 0, 0, 1)
    assert DeadLetter.objects.filter(decision=None).count() == 2
    assert not OpenDelivery.objects.exists()


def test_disabling_an_endpoint_fails_what_is_queued(tenant: Tenant, endpoint: Endpoint) -> None:
    make_dead(tenant, endpoint)
    job = start(tenant)
    taken_up()

    lifecycle.disable(endpoint, actor=BOB)

    assert numbers(job) == ("finished", 1, 0, 0, 1)
    assert SettledDelivery.objects.get().status == DeliveryStatus.PARKED


def test_a_letter_decided_meanwhile_is_left_out(tenant: Tenant, endpoint: Endpoint) -> None:
    first, _ = make_dead(tenant, endpoint), make_dead(tenant, endpoint)
    job = start(tenant)
    replay.discard(first, note="no", actor=BOB)

    taken_up()
    recorded([delivered(lease) for lease in claimed()])

    assert numbers(job) == ("finished", 1, 0, 1, 0)
    first.refresh_from_db()
    assert first.decision == "discarded"


def test_an_empty_selection_is_finished_at_once_or_soon(tenant: Tenant) -> None:
    assert numbers(start(tenant)) == ("finished", 0, 0, 0, 0)
    make_endpoint(tenant)
    job = start(tenant)
    taken_up()
    assert numbers(job) == ("finished", 0, 0, 0, 0)


def test_an_open_breaker_is_passed_by_and_a_retry_after_is_not(tenant: Tenant) -> None:
    later = NOW() + timedelta(hours=1)
    broken, asked = make_endpoint(tenant), make_endpoint(tenant)
    EndpointHealth.objects.create(endpoint=broken, paused_until=later, consecutive_stalls=5)
    EndpointHealth.objects.create(endpoint=asked, paused_until=later)
    letter = make_dead(tenant, broken)
    make_dead(tenant, asked)

    start(tenant)
    taken_up()

    assert [lease.id for lease in claimed()] == [letter.delivery_id]


def test_a_resend_of_what_a_job_retries_leaves_the_job_its_delivery(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(tenant)
    make_dead(tenant, endpoint, event=event)
    job = start(tenant)
    taken_up()
    assert replay.resend(event, endpoint, actor=BOB).id == job.id
    recorded([retry(lease) for lease in claimed()])

    by_hand = replay.resend(event, endpoint, actor=BOB)
    recorded([retry(lease) for lease in claimed()])

    row = OpenDelivery.objects.get()
    assert (row.job_id, row.trigger, row.charged) == (job.id, Trigger.MANUAL, 1)
    assert row.next_attempt_at > NOW()
    assert numbers(by_hand) == ("finished", 1, 0, 0, 1)
    assert numbers(job) == ("running", 1, 1, 0, 0)
    replay.resend(event, endpoint, actor=BOB)
    recorded([delivered(lease) for lease in claimed()])
    assert numbers(job) == ("finished", 1, 0, 1, 0)


def test_racing_loops_take_up_each_once(tenant: Tenant, endpoint: Endpoint) -> None:
    for _ in range(40):
        make_dead(tenant, endpoint)
    job = start(tenant)

    async def race() -> list[step.TakenUp]:
        connections = [await connect("test") for _ in range(4)]
        taken = await asyncio.gather(*[step.take_up(c) for c in connections])
        for connection in connections:
            await connection.close()
        return list(taken)

    taken = asyncio.run(race())

    assert sum(each.deliveries for each in taken) == 40
    assert numbers(job) == ("running", 40, 40, 0, 0)
    assert OpenDelivery.objects.count() == 40


def test_the_stored_filters_mean_what_was_asked() -> None:
    asked = Selection(
        "failed",
        endpoint_ids=(ids.new(),),
        event_types=("a.b",),
        channels=("c",),
        status_code_class=0,
        since=NOW(),
        until=NOW(),
        statuses=(4, 5),
    )

    assert Selection.from_json("failed", asked.as_json()) == asked
    assert Selection("all").as_json() == {}
