"""Expiry of days, payloads and keys on a real PostgreSQL."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from deliveries import partitions, retention
from deliveries.models import (
    Attempt,
    DeadLetter,
    Event,
    EventUid,
    Replay,
    ReplayLane,
    SettledDelivery,
)
from tests.integration.deliveries.days import (
    ENDPOINT,
    ORGANIZATION,
    TENANT,
    count,
    make_event,
    make_letter,
    make_open,
    midnight,
    names,
    partitions_as_migrated,
)
from webhooks_platform.lib import ids
from webhooks_platform.models import IdempotencyKey

__all__ = ["partitions_as_migrated"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("partitions_as_migrated"),
]


def test_days_within_the_retention_stay() -> None:
    event = make_event(timezone.now())
    today = partitions.today()

    assert retention.drop_expired(1, today=today + timedelta(days=1)) == []
    assert Event.objects.get().id == event.id


def test_an_expired_day_is_dropped_but_for_what_is_needed() -> None:
    today = partitions.today()
    dropped = make_event(timezone.now(), uid="a")
    undecided, decided, opened = (make_event(timezone.now(), uid=uid) for uid in "bcd")
    for event in (dropped, undecided, decided, opened):
        EventUid.objects.create(tenant_id=TENANT, uid=str(event.uid), event_id=event.id)
    letter = make_letter(undecided)
    make_letter(decided, decision="discarded")
    make_open(opened)

    gone = retention.drop_expired(2, today=today + timedelta(days=3))

    assert gone == [f"{table}_{today:%Y%m%d}" for table in partitions.TABLES]
    assert set(Event.objects.values_list("id", flat=True)) == {undecided.id, opened.id}
    assert count("event_past") == 2
    assert [row.id for row in SettledDelivery.objects.all()] == [letter.delivery_id]
    assert set(EventUid.objects.values_list("uid", flat=True)) == {"b", "d"}
    assert names("event")[:2] == ["event_past", f"event_{today + timedelta(days=1):%Y%m%d}"]


def test_what_was_kept_goes_once_it_is_decided() -> None:
    later = partitions.today() + timedelta(days=3)
    event = make_event(timezone.now(), uid="b")
    EventUid.objects.create(tenant_id=TENANT, uid="b", event_id=event.id)
    letter = make_letter(event)
    retention.drop_expired(2, today=later)
    letter.decision = "discarded"
    letter.save(update_fields=["decision"])

    retention.drop_expired(2, today=later)

    assert not Event.objects.exists()
    assert not SettledDelivery.objects.exists()
    assert not EventUid.objects.exists()


def test_a_late_row_of_a_dropped_day_goes_to_the_past() -> None:
    retention.drop_expired(2, today=partitions.today() + timedelta(days=3))

    make_event(timezone.now())

    assert (count("event_past"), count("event_default")) == (1, 0)


def test_a_day_with_many_needed_rows_keeps_its_partition_without_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "CARRIED_AT_MOST", 1)
    today = partitions.today()
    needed = [make_event(timezone.now()) for _ in range(2)]
    for event in needed:
        make_letter(event)
    make_event(timezone.now())
    make_event(midnight(today) + timedelta(days=1))

    gone = retention.drop_expired(2, today=today + timedelta(days=5))

    assert not [name for name in gone if name.startswith("event_")]
    assert f"event_{today:%Y%m%d}" in names("event")
    assert set(Event.objects.values_list("id", flat=True)) == {event.id for event in needed}


def test_old_attempts_go_with_their_day() -> None:
    Attempt.objects.create(
        id=ids.new(),
        delivery_id=uuid4(),
        event_id=uuid4(),
        endpoint_id=ENDPOINT,
        tenant_id=TENANT,
        number=1,
        trigger=0,
        status_code=200,
        url="https://receiver.example/",
        response="",
    )

    retention.drop_expired(2, today=partitions.today() + timedelta(days=3))

    assert not Attempt.objects.exists()


def test_expired_payloads_are_emptied_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    past, future = timezone.now() - timedelta(hours=1), timezone.now() + timedelta(hours=1)
    expired = [make_event(timezone.now(), payload_expires_at=past) for _ in range(5)]
    letter = make_letter(expired[0])
    kept = [
        make_event(timezone.now(), payload_expires_at=future),
        make_event(timezone.now()),
        make_event(timezone.now(), payload_expires_at=past),
    ]
    make_open(kept[2])

    assert retention.empty_expired_payloads() == 5

    emptied = Event.objects.filter(payload__isnull=True)
    assert set(emptied.values_list("id", flat=True)) == {event.id for event in expired}
    assert set(emptied.values_list("payload_expires_at", flat=True)) == {past}
    assert retention.empty_expired_payloads() == 0
    letter.refresh_from_db()
    assert letter.decision is None


def test_idempotency_keys_are_forgotten_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    now = timezone.now()
    ages = [timedelta(hours=25)] * 5 + [timedelta(hours=23)]
    for age in ages:
        IdempotencyKey.objects.create(id=uuid4(), fingerprint=uuid4(), created_at=now - age)

    assert retention.forget_idempotency_keys() == 5
    assert IdempotencyKey.objects.count() == 1


def test_upkeep_reports_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("upkeep")

    assert capsys.readouterr().out.splitlines() == [
        "partitions made: 0, dropped: 0",
        "payloads emptied: 0",
        "idempotency keys forgotten: 0",
        "old decisions forgotten: 0",
    ]


def test_decisions_are_forgotten_with_the_deliveries_they_were_about() -> None:
    now = timezone.now()
    old, young = now - timedelta(days=91), now - timedelta(days=89)

    def job(ended: object, state: str = "finished") -> Replay:
        made = Replay.objects.create(
            organization_id=ORGANIZATION, tenant_id=TENANT, source="failed", created_by="bob",
            state=state, finished_at=ended,
        )  # fmt: skip
        ReplayLane.objects.create(replay=made, endpoint_id=ENDPOINT)
        return made

    def letter(made: datetime, **decision: object) -> DeadLetter:
        row, moved = make_letter(make_event(now)), ids.first_at(made)
        DeadLetter.objects.filter(id=row.id).update(id=moved, **decision)
        return DeadLetter.objects.get(id=moved)

    gone = job(old)
    kept = [job(young), job(None, "running"), job(None, "paused")]
    deciding = job(old)
    old_letter = letter(old, decision="replayed", decided_at=old, replay=gone)
    late = letter(old - timedelta(days=1), decision="replayed", decided_at=young, replay=deciding)
    undecided = letter(old - timedelta(days=2))
    recent = letter(young, decision="discarded", decided_at=young)

    assert retention.forget_decisions(90) == 2

    assert set(Replay.objects.all()) == {*kept, deciding}
    assert set(DeadLetter.objects.all()) == {late, undecided, recent}
    assert old_letter not in DeadLetter.objects.all()
    lanes = set(ReplayLane.objects.values_list("replay_id", flat=True))
    assert lanes == {kept[1].id, kept[2].id}
