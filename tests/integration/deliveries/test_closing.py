"""What becomes of open deliveries when their endpoint closes or their payload goes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deliveries import closing
from deliveries.expunge import expunge_payload, expunge_response
from deliveries.models import DeliveryStatus, OpenDelivery, Replay, SettledDelivery
from endpoints.audit import Actor
from endpoints.closing import Ending, close
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_attempt,
    make_endpoint,
    make_event,
    make_open,
    make_sending,
    make_settled,
    the_delivery,
)

pytestmark = pytest.mark.django_db

BOB = Actor("bob")


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        pytest.param(Ending.DISABLED, DeliveryStatus.PARKED, id="disabled"),
        pytest.param(Ending.DELETED, DeliveryStatus.CANCELLED, id="deleted"),
    ],
)
def test_closing_an_endpoint_ends_what_waits_for_it(
    tenant: Tenant, endpoint: Endpoint, ending: Ending, status: DeliveryStatus
) -> None:
    tried, fresh, leased = (make_event(tenant) for _ in range(3))
    make_open(tried, endpoint, attempts=2, last_status_code=503, last_error="http_status")
    make_open(fresh, endpoint)
    make_sending(leased, endpoint)
    elsewhere = make_open(tried, make_endpoint(tenant))

    close([endpoint.id], ending)

    ended = the_delivery(tried, endpoint)
    assert (ended.status, ended.attempts, ended.next_attempt_at) == (status, 2, None)
    assert (ended.last_status_code, ended.last_error) == (503, "http_status")
    assert the_delivery(fresh, endpoint).status == status
    assert the_delivery(leased, endpoint).status == DeliveryStatus.SENDING
    assert OpenDelivery.objects.filter(id=elsewhere.id).exists()
    assert SettledDelivery.objects.count() == 2


def test_a_reopened_delivery_is_what_it_was_and_its_replay_ends(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(tenant)
    job = Replay.objects.create(
        organization_id=tenant.organization_id, tenant_id=tenant.id, source="resend",
        created_by="bob", total=1, queued=1,
    )  # fmt: skip
    make_open(
        event, endpoint, attempts=1, settled_as=DeliveryStatus.DELIVERED, trigger=1,
        replay_id=job.id, last_status_code=204, last_error=None,
    )  # fmt: skip

    assert closing.park([endpoint.id]) == 1

    assert the_delivery(event, endpoint).status == DeliveryStatus.DELIVERED
    job.refresh_from_db()
    assert (job.state, job.queued, job.failed, job.delivered) == ("finished", 0, 1, 0)
    assert job.finished_at is not None


def test_expunging_a_payload_cancels_what_is_open_of_its_event(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    event, twin = make_event(tenant, payload_expires_at=timezone.now()), make_event(tenant)
    make_open(event, endpoint)
    make_open(twin, endpoint)
    delivered = make_endpoint(tenant)
    make_settled(event, delivered, DeliveryStatus.DELIVERED)

    assert expunge_payload(event, actor=BOB) == 1

    event.refresh_from_db()
    assert (event.payload, event.payload_expires_at) == (None, None)
    assert the_delivery(event, endpoint).status == DeliveryStatus.CANCELLED
    assert the_delivery(event, delivered).status == DeliveryStatus.DELIVERED
    assert the_delivery(twin, endpoint).status == DeliveryStatus.PENDING


def test_after_an_expunge_the_attempt_under_way_is_the_last(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(tenant)
    retry_at = timezone.now() + timedelta(hours=1)
    make_sending(event, endpoint, scheduled_at=retry_at, manual_requested=True)

    assert expunge_payload(event, actor=BOB) == 0

    row = OpenDelivery.objects.get()
    assert (row.status, row.settled_as) == (DeliveryStatus.SENDING, DeliveryStatus.CANCELLED)
    assert (row.scheduled_at, row.manual_requested) == (None, False)
    assert row.lease_id is not None


def test_a_response_is_replaced_and_the_rest_of_its_attempt_stays(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(tenant)
    attempt, other = make_attempt(event, endpoint), make_attempt(event, endpoint)

    expunge_response(attempt, event, actor=BOB)

    attempt.refresh_from_db()
    other.refresh_from_db()
    assert (attempt.response, attempt.status_code) == ("EXPUNGED", 200)
    assert other.response == "thanks"
