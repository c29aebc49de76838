"""From a resend to its end: what the queue makes of the manual attempt."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deliveries import replay
from deliveries.expunge import expunge_payload
from deliveries.models import (
    Attempt,
    DeliveryStatus,
    Event,
    OpenDelivery,
    Replay,
    Trigger,
)
from endpoints.audit import Actor
from endpoints.models import Endpoint, EndpointHealth, Tenant
from tests.integration.deliveries.leasing import claimed, dead, delivered, recorded, retry
from tests.integration.deliveries.rows import (
    make_endpoint,
    make_open,
    make_settled,
    the_delivery,
)

pytestmark = pytest.mark.django_db(transaction=True)

BOB = Actor("bob")


def test_a_success_ends_the_automatic_retries(event: Event, endpoint: Endpoint) -> None:
    make_open(event, endpoint, attempts=2, charged=2)
    job = replay.resend(event, endpoint, actor=BOB)

    (leased,) = claimed()
    recorded([delivered(leased)])

    assert (leased.number, leased.trigger) == (3, Trigger.MANUAL)
    assert the_delivery(event, endpoint).status == DeliveryStatus.DELIVERED
    assert Attempt.objects.get().trigger == Trigger.MANUAL
    job.refresh_from_db()
    assert (job.state, job.delivered, job.failed, job.queued) == ("finished", 1, 0, 0)


def test_a_failure_leaves_the_automatic_retry_alone(event: Event, endpoint: Endpoint) -> None:
    retry_at = timezone.now() + timedelta(hours=2)
    make_open(event, endpoint, attempts=2, charged=2, next_attempt_at=retry_at)
    job = replay.resend(event, endpoint, actor=BOB)

    recorded([retry(*claimed())])

    row = OpenDelivery.objects.get()
    assert (row.next_attempt_at, row.trigger, row.charged) == (retry_at, Trigger.SCHEDULED, 2)
    assert claimed() == []
    job.refresh_from_db()
    assert (job.state, job.delivered, job.failed, job.queued) == ("finished", 0, 1, 0)


@pytest.mark.parametrize("status", [DeliveryStatus.DELIVERED, DeliveryStatus.PARKED])
def test_a_failure_settles_as_before(
    event: Event, endpoint: Endpoint, status: DeliveryStatus
) -> None:
    make_settled(event, endpoint, status)
    replay.resend(event, endpoint, actor=BOB)

    recorded([retry(*claimed())])

    assert the_delivery(event, endpoint).status == status


@pytest.mark.parametrize("fail", [retry, dead], ids=["retryable", "permanent"])
def test_a_failure_of_what_the_filters_excluded_is_over(
    tenant: Tenant, event: Event, fail: type
) -> None:
    elsewhere = make_endpoint(tenant, event_types=["other"])
    replay.resend(event, elsewhere, actor=BOB)

    recorded([fail(*claimed())])

    shown = the_delivery(event, elsewhere)
    assert (shown.status, shown.attempts) == (DeliveryStatus.CANCELLED, 1)
    assert not OpenDelivery.objects.exists()


def test_an_endpoint_that_is_left_alone_gets_its_resend(event: Event, endpoint: Endpoint) -> None:
    EndpointHealth.objects.create(
        endpoint=endpoint, paused_until=timezone.now() + timedelta(hours=1), consecutive_stalls=9
    )
    make_open(event, endpoint, next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert claimed() == []

    replay.resend(event, endpoint, actor=BOB)

    assert len(claimed()) == 1


def test_after_an_expunge_a_failure_is_the_last_attempt(event: Event, endpoint: Endpoint) -> None:
    make_open(event, endpoint, next_attempt_at=timezone.now() - timedelta(seconds=1))
    (leased,) = claimed()
    expunge_payload(event, actor=BOB)

    recorded([retry(leased)])

    shown = the_delivery(event, endpoint)
    assert (shown.status, shown.next_attempt_at) == (DeliveryStatus.CANCELLED, None)
    assert not Replay.objects.exists()
