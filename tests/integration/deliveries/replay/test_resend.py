"""Resending one delivery: wherever it is, it gets one manual attempt, due now."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from deliveries import replay
from deliveries.expunge import expunge_payload
from deliveries.models import DeliveryStatus, Event, OpenDelivery, Replay, SettledDelivery, Trigger
from deliveries.queries.deliveries import delivery_id
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_endpoint,
    make_event,
    make_open,
    make_sending,
    make_settled,
    make_tenant,
)
from webhooks_platform.lib import ids

BOB = Actor("bob", "request-1")


@pytest.fixture(autouse=True)
def hints() -> Iterator[list[None]]:
    sent: list[None] = []
    with patch("deliveries.wake.hint_after_commit", lambda: sent.append(None)):
        yield sent


def resend(event: Event, endpoint: Endpoint) -> Replay:
    return replay.resend(event, endpoint, actor=BOB)


def queued(event: Event, endpoint: Endpoint) -> OpenDelivery:
    delivery = delivery_id(event.id, endpoint.id)
    assert not SettledDelivery.objects.filter(id=delivery).exists()
    return OpenDelivery.objects.get(id=delivery)


def test_the_decision_is_recorded_and_the_loops_are_woken(
    event: Event, endpoint: Endpoint, hints: list[None]
) -> None:
    job = resend(event, endpoint)

    assert (job.source, job.total, job.queued, job.created_by) == ("resend", 1, 1, "bob")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("bob", "delivery.resent", str(event))
    assert entry.detail == {"endpoint": str(endpoint), "replay": str(job)}
    assert (entry.tenant_id, entry.request_id) == (event.tenant_id, "request-1")
    assert len(hints) == 1


def test_a_waiting_retry_is_made_due_and_keeps_its_time(event: Event, endpoint: Endpoint) -> None:
    retry_at = timezone.now() + timedelta(hours=2)
    make_open(event, endpoint, attempts=3, charged=3, next_attempt_at=retry_at, wait=1)

    job = resend(event, endpoint)

    row = queued(event, endpoint)
    assert (row.status, row.trigger, row.wait) == (DeliveryStatus.PENDING, Trigger.MANUAL, 0)
    assert (row.next_attempt_at, row.scheduled_at) == (ids.EPOCH, retry_at)
    assert (row.attempts, row.charged, row.settled_as, row.replay_id) == (3, 3, None, job.id)


def test_an_attempt_under_way_is_followed_by_a_manual_one(event: Event, endpoint: Endpoint) -> None:
    before = make_sending(event, endpoint)

    job = resend(event, endpoint)

    row = queued(event, endpoint)
    assert row.manual_requested
    assert (row.status, row.trigger) == (DeliveryStatus.SENDING, Trigger.SCHEDULED)
    assert (row.lease_id, row.next_attempt_at) == (before.lease_id, before.next_attempt_at)
    assert row.replay_id == job.id


@pytest.mark.parametrize(
    "status",
    [
        DeliveryStatus.DELIVERED,
        DeliveryStatus.DEAD,
        DeliveryStatus.PARKED,
        DeliveryStatus.CANCELLED,
    ],
)
def test_a_settled_delivery_returns_to_the_queue(
    event: Event, endpoint: Endpoint, status: DeliveryStatus
) -> None:
    settled = make_settled(
        event, endpoint, status, attempts=6, last_status_code=503, last_error="http_status"
    )

    job = resend(event, endpoint)

    row = queued(event, endpoint)
    assert (row.id, row.status, row.settled_as) == (settled.id, DeliveryStatus.PENDING, status)
    assert (row.trigger, row.next_attempt_at, row.scheduled_at) == (1, ids.EPOCH, None)
    assert (row.attempts, row.last_status_code, row.last_error) == (6, 503, "http_status")
    assert (row.replay_id, row.tenant_id, row.manual_requested) == (job.id, event.tenant_id, False)


def test_a_delivery_that_the_filters_excluded_is_made(tenant: Tenant, event: Event) -> None:
    elsewhere = make_endpoint(tenant, event_types=["other"])

    job = resend(event, elsewhere)

    row = queued(event, elsewhere)
    assert (row.status, row.settled_as) == (DeliveryStatus.PENDING, DeliveryStatus.CANCELLED)
    assert (row.event_id, row.endpoint_id, row.attempts) == (event.id, elsewhere.id, 0)
    assert row.replay_id == job.id


def test_a_second_request_joins_the_attempt_that_still_waits(
    event: Event, endpoint: Endpoint
) -> None:
    first, second = resend(event, endpoint), resend(event, endpoint)

    assert first == second
    assert (second.total, second.queued) == (1, 1)
    assert AuditEntry.objects.count() == 2


def test_a_request_during_a_manual_attempt_asks_for_one_more(
    event: Event, endpoint: Endpoint
) -> None:
    first = resend(event, endpoint)
    OpenDelivery.objects.update(status=DeliveryStatus.SENDING, lease_id=ids.new(), attempts=1)

    second, third = resend(event, endpoint), resend(event, endpoint)

    assert first == second == third
    assert (third.total, third.queued) == (1, 1)
    assert queued(event, endpoint).manual_requested


@pytest.mark.parametrize("expired", [True, False], ids=["expired", "emptied"])
def test_without_its_payload_nothing_is_resent(
    tenant: Tenant, endpoint: Endpoint, expired: bool
) -> None:
    past = timezone.now() - timedelta(seconds=1)
    event = make_event(tenant, payload_expires_at=past if expired else None)
    if not expired:
        expunge_payload(event, actor=BOB)

    with pytest.raises(replay.PayloadGoneError):
        resend(event, endpoint)

    assert not OpenDelivery.objects.exists()
    assert not Replay.objects.exists()
    assert not AuditEntry.objects.filter(action="delivery.resent").exists()


def test_nothing_is_resent_to_a_disabled_endpoint(
    tenant: Tenant, event: Event, hints: list[None]
) -> None:
    endpoint = make_endpoint(tenant, disabled_at=timezone.now(), disabled_reason="user")
    make_settled(event, endpoint, DeliveryStatus.PARKED)

    with pytest.raises(replay.EndpointDisabledError):
        resend(event, endpoint)

    assert not OpenDelivery.objects.exists()
    assert not Replay.objects.exists()
    assert hints == []


def in_threads(times: int, event: Event, endpoint: Endpoint) -> list[Replay]:
    def once(_: int) -> Replay:
        try:
            return resend(event, endpoint)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(once, range(times)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["none", "pending", "sending", "settled"])
def test_parallel_requests_make_one_manual_attempt(state: str) -> None:
    tenant = make_tenant()
    event, endpoint = make_event(tenant), make_endpoint(tenant)
    match state:
        case "pending":
            make_open(event, endpoint, attempts=1)
        case "sending":
            make_sending(event, endpoint)
        case "settled":
            make_settled(event, endpoint, DeliveryStatus.DELIVERED)

    jobs = in_threads(20, event, endpoint)

    row = queued(event, endpoint)
    assert {job.id for job in jobs} == {row.replay_id}
    assert Replay.objects.get().total == 1
    assert row.manual_requested is (state == "sending")
    assert row.trigger == (Trigger.SCHEDULED if state == "sending" else Trigger.MANUAL)
    assert AuditEntry.objects.count() == 20
