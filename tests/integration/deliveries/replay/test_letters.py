"""Deciding dead letters one by one, discarding many, and previews."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from deliveries import replay
from deliveries.models import (
    DeadLetter,
    DeliveryStatus,
    Event,
    OpenDelivery,
    Replay,
    SettledDelivery,
)
from deliveries.replay import (
    AlreadyDecidedError,
    EndpointDisabledError,
    PayloadGoneError,
    ReplayRefusedError,
    estimated_seconds,
    letters,
    preview,
)
from deliveries.selection import Selection
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.leasing import claimed, delivered, recorded
from tests.integration.deliveries.replay.conftest import BOB
from tests.integration.deliveries.rows import make_dead, make_endpoint, make_tenant
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)

OPEN_LETTERS = Selection("dead-letter")


def unchanged(letter: DeadLetter) -> None:
    letter.refresh_from_db()
    assert (letter.decision, letter.replay_id) == (None, None)
    assert SettledDelivery.objects.get(id=letter.delivery_id).status == DeliveryStatus.DEAD
    assert not OpenDelivery.objects.exists()
    assert not Replay.objects.exists()
    assert not AuditEntry.objects.exists()


def test_one_letter_is_replayed_at_once(tenant: Tenant, endpoint: Endpoint) -> None:
    letter = make_dead(tenant, endpoint)

    job = replay.replay_letter(letter, endpoint, note="mended", actor=BOB)

    letter.refresh_from_db()
    assert (letter.decision, letter.decided_by, letter.note) == ("replayed", "bob", "mended")
    assert letter.replay_id == job.id
    assert (job.state, job.total, job.queued) == ("running", 1, 1)
    assert OpenDelivery.objects.get().job_id == job.id
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("dead_letter.replayed", str(letter))
    recorded([delivered(lease) for lease in claimed()])
    job.refresh_from_db()
    assert (job.state, job.delivered, job.queued) == ("finished", 1, 0)


def test_twenty_clicks_are_one_attempt(tenant: Tenant, endpoint: Endpoint) -> None:
    letter = make_dead(tenant, endpoint)

    def click(_: int) -> bool:
        try:
            replay.replay_letter(letter, endpoint, note="", actor=BOB)
        except AlreadyDecidedError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(click, range(20))) == 1

    assert OpenDelivery.objects.count() == Replay.objects.count() == 1


def test_a_letter_of_a_disabled_endpoint_is_not_replayed(tenant: Tenant) -> None:
    closed = make_endpoint(tenant, disabled_at=timezone.now())
    letter = make_dead(tenant, closed)

    with pytest.raises(EndpointDisabledError):
        replay.replay_letter(letter, closed, note="", actor=BOB)

    unchanged(letter)


def test_a_letter_without_payload_or_delivery_is_not_replayed(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    letter = make_dead(tenant, endpoint)
    for expired_at, told in (
        (None, "was expunged."),
        (datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC), "retention ended, 2026-11-02 03:04:05 UTC."),
    ):
        Event.objects.update(payload=None, payload_expires_at=expired_at)
        with pytest.raises(PayloadGoneError, match=told):
            replay.replay_letter(letter, endpoint, note="", actor=BOB)
        unchanged(letter)

    Event.objects.update(payload=b"{}", payload_expires_at=None)
    SettledDelivery.objects.all().delete()
    with pytest.raises(ReplayRefusedError):
        replay.replay_letter(letter, endpoint, note="", actor=BOB)
    assert not Replay.objects.exists()


def test_a_discarded_letter_keeps_who_when_and_why(tenant: Tenant, endpoint: Endpoint) -> None:
    letter = make_dead(tenant, endpoint)

    decided = replay.discard(letter, note="test data", actor=BOB)

    assert (decided.decision, decided.decided_by, decided.note) == ("discarded", "bob", "test data")
    assert decided.decided_at is not None
    assert SettledDelivery.objects.get().status == DeliveryStatus.DEAD
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail["note"]) == ("dead_letter.discarded", "test data")
    with pytest.raises(AlreadyDecidedError):
        replay.discard(letter, note="again", actor=BOB)
    with pytest.raises(AlreadyDecidedError):
        replay.replay_letter(letter, endpoint, note="", actor=BOB)
    letter.refresh_from_db()
    assert (letter.note, AuditEntry.objects.count()) == ("test data", 1)


def test_all_that_match_are_discarded_and_no_others(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "BATCH", 3)
    gone = make_endpoint(tenant, deleted_at=timezone.now())
    for _ in range(4):
        make_dead(tenant, endpoint, reason="permanent")
    make_dead(tenant, gone, reason="permanent")
    kept = make_dead(tenant, endpoint, reason="poison")
    other = make_tenant("Charlie")
    strange = make_dead(other, make_endpoint(other), reason="permanent")

    wanted = Selection("dead-letter", reasons=("permanent",))
    result = replay.discard_all(tenant, wanted, note="no use", actor=BOB)

    assert result == replay.Discarded(5, more=False)
    assert set(DeadLetter.objects.filter(decision=None)) == {kept, strange}
    counts = [entry.detail["count"] for entry in AuditEntry.objects.order_by("id")]
    assert sorted(counts) == [1, 1, 3]


def test_discarding_stops_when_its_time_is_over(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "BUDGET", -1.0)
    make_dead(tenant, endpoint)

    assert replay.discard_all(tenant, OPEN_LETTERS, note="n", actor=BOB).more
    assert DeadLetter.objects.get().decision is None


def test_a_preview_counts_and_stores_nothing(tenant: Tenant, endpoint: Endpoint) -> None:
    made = [make_dead(tenant, endpoint) for _ in range(12)]

    found = preview(tenant, OPEN_LETTERS)

    assert (found.total, found.exact) == (12, True)
    assert (estimated_seconds(12, 5), estimated_seconds(12, None)) == (3, 1)
    assert found.sample == [letter.event_id for letter in made[:10]]
    assert not Replay.objects.exists()


def test_what_is_not_counted_in_time_is_a_lower_bound(
    tenant: Tenant, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.replay.counting.BUDGET", -1.0)
    make_dead(tenant, endpoint)

    job = replay.start(tenant, OPEN_LETTERS, note="n", actor=BOB)

    assert (job.total, job.counted) == (0, False)
    assert ids.timestamp(job.id) - job.created_at < timedelta(seconds=1)
