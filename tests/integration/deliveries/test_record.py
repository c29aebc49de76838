"""The arrows of docs/state_machine.md that an attempt draws."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deliveries.models import (
    Attempt,
    DeadLetter,
    DeliveryStatus,
    Event,
    OpenDelivery,
    Replay,
    SettledDelivery,
    Trigger,
    Wait,
)
from deliveries.outcome import Outcome, Verdict
from endpoints.models import Endpoint, EndpointHealth, Tenant
from tests import rows
from tests.integration.deliveries.leasing import (
    claimed,
    dead,
    delivered,
    lease,
    recorded,
    request,
    retry,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant() -> Tenant:
    return rows.tenant()


@pytest.fixture
def endpoint(tenant: Tenant) -> Endpoint:
    return rows.endpoint(tenant)


@pytest.fixture
def row(tenant: Tenant, endpoint: Endpoint) -> OpenDelivery:
    return rows.open_delivery(rows.event(tenant), endpoint)


def seconds_ahead(when: datetime | None) -> float:
    assert when is not None
    return (when - datetime.now(UTC)).total_seconds()


def test_a_success_settles_as_delivered(row: OpenDelivery) -> None:
    outcome = delivered(lease(row))

    assert recorded([outcome]).delivery_ids == {row.id}

    assert OpenDelivery.objects.count() == 0
    settled = SettledDelivery.objects.get()
    assert (settled.id, settled.status, settled.attempts) == (row.id, DeliveryStatus.DELIVERED, 1)
    assert (settled.last_status_code, settled.last_error) == (200, None)
    attempt = Attempt.objects.get()
    assert outcome.request is not None
    assert attempt.id == outcome.request.attempt_id
    assert (attempt.number, attempt.status_code, attempt.error_kind) == (1, 200, None)
    assert (attempt.delivery_id, attempt.event_id) == (row.id, row.event_id)
    assert (attempt.response, attempt.duration_ms, attempt.next_attempt_at) == ("answer", 12, None)


def test_a_failure_is_due_again_after_its_delay(row: OpenDelivery) -> None:
    recorded([retry(lease(row), wait=Wait.RETRY_AFTER)])

    again = OpenDelivery.objects.get()
    assert (again.status, again.lease_id, again.attempts) == (DeliveryStatus.PENDING, None, 1)
    assert (again.charged, again.faults, again.wait) == (1, 0, Wait.RETRY_AFTER)
    assert (again.last_status_code, again.last_error) == (503, "http_status")
    assert 59 < seconds_ahead(again.next_attempt_at) <= 60
    assert Attempt.objects.get().next_attempt_at == again.next_attempt_at


def test_a_fault_of_ours_spends_no_schedule(row: OpenDelivery) -> None:
    outcome = retry(lease(row), charged=False, delay=2.0, request=request(0, "stale_connection"))

    recorded([outcome])

    again = OpenDelivery.objects.get()
    assert (again.charged, again.faults, again.lost, again.attempts) == (0, 1, 0, 1)


def test_an_exhausted_delivery_leaves_a_dead_letter(row: OpenDelivery) -> None:
    outcome = dead(lease(row))

    recorded([outcome])

    assert SettledDelivery.objects.get().status == DeliveryStatus.DEAD
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.attempts, letter.decision) == ("exhausted", 1, None)
    assert (letter.delivery_id, letter.event_id) == (row.id, row.event_id)
    assert (letter.last_status_code, letter.last_error) == (503, "http_status")
    assert letter.last_attempt_id == Attempt.objects.get().id
    assert letter.organization_id == outcome.organization_id


def test_a_stale_outcome_changes_nothing(row: OpenDelivery) -> None:
    leased = lease(row)
    stale = replace(leased, lease_id=ids.new())

    assert recorded([delivered(stale)]).delivery_ids == frozenset()

    assert OpenDelivery.objects.get().lease_id == leased.lease_id
    assert SettledDelivery.objects.count() == 0
    assert Attempt.objects.count() == 0


def test_what_was_not_sent_is_due_as_before_and_leaves_no_attempt(row: OpenDelivery) -> None:
    recorded([Outcome(lease(row), Verdict.RETURNED)])

    again = OpenDelivery.objects.get()
    assert (again.status, again.lease_id, again.attempts) == (DeliveryStatus.PENDING, None, 0)
    assert again.next_attempt_at == row.next_attempt_at
    assert Attempt.objects.count() == 0


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(Verdict.PARKED, DeliveryStatus.PARKED), (Verdict.CANCELLED, DeliveryStatus.CANCELLED)],
)
def test_a_closed_endpoint_ends_its_delivery_unsent(
    row: OpenDelivery, verdict: Verdict, status: DeliveryStatus
) -> None:
    recorded([Outcome(lease(row), verdict)])

    settled = SettledDelivery.objects.get()
    assert (settled.status, settled.attempts) == (status, 0)
    assert Attempt.objects.count() == 0


@pytest.mark.parametrize(
    ("closed", "status"),
    [("disabled_at", DeliveryStatus.PARKED), ("deleted_at", DeliveryStatus.CANCELLED)],
)
def test_a_failure_of_an_endpoint_closed_meanwhile_is_not_retried(
    row: OpenDelivery, endpoint: Endpoint, closed: str, status: DeliveryStatus
) -> None:
    leased = lease(row)
    Endpoint.objects.filter(id=endpoint.id).update(**{closed: datetime.now(UTC)})

    recorded([retry(leased)])

    settled = SettledDelivery.objects.get()
    assert (settled.status, settled.attempts, settled.last_status_code) == (status, 1, 503)
    assert Attempt.objects.get().next_attempt_at is None


class TestManualAttempts:
    """A resend: MANUAL, due at once, the automatic retry or the old status kept beside it."""

    @pytest.fixture
    def retry_at(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=5)

    @pytest.fixture
    def row(self, tenant: Tenant, endpoint: Endpoint, retry_at: datetime) -> OpenDelivery:
        return rows.open_delivery(
            rows.event(tenant), endpoint, trigger=Trigger.MANUAL, scheduled_at=retry_at,
            next_attempt_at=ids.EPOCH, charged=1, attempts=1,
        )  # fmt: skip

    @pytest.mark.parametrize("outcome", [retry, dead])
    def test_a_failed_one_leaves_the_automatic_retry(self, row, retry_at, outcome) -> None:
        recorded([outcome(lease(row))])

        again = OpenDelivery.objects.get()
        assert (again.next_attempt_at, again.trigger) == (retry_at, Trigger.SCHEDULED)
        assert (again.scheduled_at, again.charged, again.attempts) == (None, 1, 2)
        assert Attempt.objects.get().trigger == Trigger.MANUAL
        assert DeadLetter.objects.count() == 0

    def test_a_successful_one_ends_the_automatic_retries(self, row) -> None:
        recorded([delivered(lease(row))])

        assert OpenDelivery.objects.count() == 0
        assert SettledDelivery.objects.get().status == DeliveryStatus.DELIVERED

    @pytest.mark.parametrize("before", [DeliveryStatus.DELIVERED, DeliveryStatus.DEAD])
    def test_a_failed_one_of_a_settled_delivery_leaves_its_status(
        self, tenant, endpoint, before
    ) -> None:
        row = rows.open_delivery(
            rows.event(tenant), endpoint, trigger=Trigger.MANUAL, settled_as=before
        )

        recorded([retry(lease(row))])

        assert OpenDelivery.objects.count() == 0
        assert SettledDelivery.objects.get().status == before
        assert DeadLetter.objects.count() == 0

    @pytest.mark.parametrize(
        ("outcome", "decision"),
        [
            pytest.param(delivered, ("replayed", "ada"), id="a success decides it"),
            pytest.param(dead, (None, None), id="a failure leaves it open"),
        ],
    )
    def test_the_open_dead_letter_of_its_delivery(
        self, tenant, endpoint, outcome, decision
    ) -> None:
        recorded([dead(lease(rows.open_delivery(rows.event(tenant), endpoint)))])
        settled = SettledDelivery.objects.get()
        settled.delete()
        replay = Replay.objects.create(
            organization_id=tenant.organization_id, tenant_id=tenant.id, source="resend",
            created_by="ada", total=1, queued=1,
        )  # fmt: skip
        row = rows.open_delivery(
            Event.objects.get(), endpoint, trigger=Trigger.MANUAL, replay_id=replay.id,
            settled_as=DeliveryStatus.DEAD,
        )  # fmt: skip

        recorded([outcome(lease(row))])

        letter = DeadLetter.objects.get()
        assert (letter.decision, letter.decided_by) == decision

    def test_a_failed_one_makes_no_letter_where_one_was_decided(self, tenant, endpoint) -> None:
        row = rows.open_delivery(
            rows.event(tenant), endpoint, trigger=Trigger.MANUAL, settled_as=DeliveryStatus.DEAD
        )

        recorded([dead(lease(row))])

        assert SettledDelivery.objects.get().status == DeliveryStatus.DEAD
        assert DeadLetter.objects.count() == 0

    def test_one_asked_for_during_an_attempt_follows_it(self, tenant, endpoint) -> None:
        row = rows.open_delivery(rows.event(tenant), endpoint)
        leased = lease(row)
        OpenDelivery.objects.update(manual_requested=True)

        recorded([delivered(leased)])

        again = OpenDelivery.objects.get()
        assert (again.status, again.trigger) == (DeliveryStatus.PENDING, Trigger.MANUAL)
        assert (again.settled_as, again.next_attempt_at) == (DeliveryStatus.DELIVERED, ids.EPOCH)
        assert again.manual_requested is False
        assert SettledDelivery.objects.count() == 0
        assert Attempt.objects.count() == 1

    def test_one_asked_for_during_a_failing_attempt_keeps_its_retry(self, tenant, endpoint) -> None:
        row = rows.open_delivery(rows.event(tenant), endpoint)
        leased = lease(row)
        OpenDelivery.objects.update(manual_requested=True)

        recorded([retry(leased)])

        again = OpenDelivery.objects.get()
        assert (again.trigger, again.next_attempt_at) == (Trigger.MANUAL, ids.EPOCH)
        assert 59 < seconds_ahead(again.scheduled_at) <= 60

    @pytest.mark.parametrize(
        ("outcome", "counts"), [(delivered, (1, 0)), (dead, (0, 1))], ids=["delivered", "failed"]
    )
    def test_its_replay_adds_up(self, tenant, endpoint, outcome, counts) -> None:
        replay = Replay.objects.create(
            organization_id=tenant.organization_id, tenant_id=tenant.id, source="resend",
            created_by="key", total=1, queued=1,
        )  # fmt: skip
        row = rows.open_delivery(
            rows.event(tenant), endpoint, trigger=Trigger.MANUAL, replay_id=replay.id,
            settled_as=DeliveryStatus.PARKED,
        )  # fmt: skip

        recorded([outcome(lease(row))])

        replay.refresh_from_db()
        assert (replay.delivered, replay.failed) == counts
        assert (replay.queued, replay.state) == (0, "finished")
        assert replay.finished_at is not None


class TestEndpointHealth:
    def test_retry_after_pauses_the_endpoint(self, row, endpoint) -> None:
        recorded([retry(lease(row), pause=120.0)])

        health = EndpointHealth.objects.get(endpoint=endpoint)
        assert 119 < seconds_ahead(health.paused_until) <= 120

    def test_the_first_exhaustion_starts_the_clock(self, row, endpoint) -> None:
        result = recorded([dead(lease(row))], disable_after=60)

        assert result.failing_endpoint_ids == frozenset()
        assert EndpointHealth.objects.get(endpoint=endpoint).first_exhausted_at is not None

    def test_one_old_enough_names_the_endpoint(self, row, endpoint) -> None:
        EndpointHealth.objects.create(
            endpoint=endpoint, first_exhausted_at=datetime.now(UTC) - timedelta(seconds=61)
        )

        result = recorded([dead(lease(row))], disable_after=60)

        assert result.failing_endpoint_ids == {endpoint.id}

    def test_a_success_stops_the_clock(self, row, endpoint) -> None:
        EndpointHealth.objects.create(
            endpoint=endpoint, first_exhausted_at=datetime.now(UTC), consecutive_stalls=3
        )

        recorded([delivered(lease(row))])

        health = EndpointHealth.objects.get(endpoint=endpoint)
        assert (health.first_exhausted_at, health.consecutive_stalls) == (None, 0)


def paused_seconds(endpoint: Endpoint) -> float | None:
    health = EndpointHealth.objects.filter(endpoint=endpoint).first()
    return seconds_ahead(health.paused_until) if health and health.paused_until else None


def test_the_longest_wish_to_be_left_alone_counts() -> None:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    for _ in range(3):
        rows.open_delivery(rows.event(tenant), endpoint)
    asked = [
        retry(each, pause=pause) for each, pause in zip(claimed(), (5.0, 600.0, 1.0), strict=True)
    ]

    recorded(asked)

    assert 599 < (paused_seconds(endpoint) or 0) <= 600


def test_a_stale_outcome_neither_pauses_nor_exhausts(row: OpenDelivery) -> None:
    stale = replace(lease(row), lease_id=ids.new())

    assert recorded([retry(stale, pause=600.0)], disable_after=0).delivery_ids == frozenset()
    assert recorded([dead(stale)], disable_after=0).failing_endpoint_ids == frozenset()

    assert not EndpointHealth.objects.exists()


def test_a_failed_resend_is_no_exhaustion() -> None:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    manual = rows.open_delivery(
        rows.event(tenant), endpoint, trigger=Trigger.MANUAL, settled_as=DeliveryStatus.DELIVERED
    )
    automatic = rows.open_delivery(rows.event(tenant), endpoint)
    leases = {each.id: each for each in claimed()}

    assert recorded([dead(leases[manual.id])], disable_after=0).failing_endpoint_ids == frozenset()
    assert SettledDelivery.objects.get().status == DeliveryStatus.DELIVERED
    assert not EndpointHealth.objects.exists()
    result = recorded([dead(leases[automatic.id])], disable_after=0)
    assert result.failing_endpoint_ids == {endpoint.id}
