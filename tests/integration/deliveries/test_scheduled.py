"""Events for a given time and headers of one message, through a delivery loop."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from deliveries import expunge, message_headers, retention
from deliveries.models import Attempt, DeliveryStatus, Event, OpenDelivery, SettledDelivery, Wait
from endpoints import lifecycle
from endpoints.audit import Actor
from endpoints.models import Tenant
from tests import rows
from tests.integration.deliveries.looping import attempts_made, nothing_open, run_loop
from tests.receiver import answer, running
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)

BOB = Actor("bob", "request-1")
HEADERS = {"X-Tenant": "message", "Authorization": "Bearer hush", "Content-Type": "text/csv"}


@pytest.fixture
def tenant() -> Tenant:
    return rows.tenant()


def sealed_event(tenant: Tenant, **headers: str) -> Event:
    event_id = ids.new()
    named = {name.replace("_", "-"): value for name, value in headers.items()} or HEADERS
    token = message_headers.seal(named.items(), event_id=event_id)
    return rows.event(tenant, id=event_id, headers=token)


def test_an_idle_loop_delivers_at_most_a_second_late(tenant: Tenant) -> None:
    with running() as receiver:
        when = datetime.now(UTC) + timedelta(seconds=1.2)
        published = ids.first_at(datetime.now(UTC) - timedelta(days=2))
        event = rows.event(tenant, id=published, deliver_at=when)
        to = rows.endpoint(tenant, url=receiver.url)
        delivery = rows.open_delivery(event, to, wait=Wait.DELIVER_AT)
        OpenDelivery.objects.filter(id=delivery.id).update(next_attempt_at=when)
        old = first_attempts()

        run_loop(nothing_open)

    assert receiver.ids() == [str(event)]
    late = ids.timestamp(Attempt.objects.get().id) - when
    assert timedelta() <= late < timedelta(seconds=1)
    # It did not wait for two days to be sent.
    assert first_attempts() - old < 2


def first_attempts() -> float:
    return REGISTRY.get_sample_value("webhook_first_attempt_seconds_sum") or 0.0


def test_nothing_is_sent_before_its_time(tenant: Tenant) -> None:
    with running() as receiver:
        to = rows.endpoint(tenant, url=receiver.url)
        early = rows.event(tenant, deliver_at=datetime.now(UTC) + timedelta(hours=1))
        rows.open_delivery(early, to, due_in=3600, wait=Wait.DELIVER_AT)
        rows.open_delivery(rows.event(tenant), to)

        run_loop(SettledDelivery.objects.exists)

    assert len(receiver.requests) == 1
    waiting = OpenDelivery.objects.get()
    assert (waiting.event_id, waiting.attempts, waiting.wait) == (early.id, 0, Wait.DELIVER_AT)


def test_the_schedule_counts_from_the_attempt(tenant: Tenant) -> None:
    with running(lambda n, _: answer(500)) as receiver:
        to = rows.endpoint(tenant, url=receiver.url, policy={"retrySchedule": [600]})
        when = datetime.now(UTC) - timedelta(hours=5)
        event = rows.event(tenant, deliver_at=when)
        rows.open_delivery(event, to, wait=Wait.DELIVER_AT)

        run_loop(attempts_made(1))

    row = OpenDelivery.objects.get()
    ahead = row.next_attempt_at - datetime.now(UTC)
    assert timedelta(seconds=590) < ahead <= timedelta(seconds=660)
    assert (row.charged, row.wait) == (1, Wait.SCHEDULE)


def test_a_cancelled_event_is_never_sent(tenant: Tenant) -> None:
    with running() as receiver:
        to = rows.endpoint(tenant, url=receiver.url)
        event = rows.event(tenant)
        rows.open_delivery(event, to, due_in=3600, wait=Wait.DELIVER_AT)
        expunge.cancel(event, actor=BOB)
        rows.open_delivery(rows.event(tenant), to)

        run_loop(nothing_open)

    assert str(event) not in receiver.ids()
    assert len(receiver.requests) == 1
    settled = SettledDelivery.objects.get(event_id=event.id)
    assert (settled.status, settled.attempts) == (DeliveryStatus.CANCELLED, 0)


def test_a_messages_headers_are_sent_with_it_alone(tenant: Tenant) -> None:
    with running() as receiver:
        to = rows.endpoint(tenant, url=receiver.url)
        lifecycle.replace_headers(to, [("X-Tenant", "endpoint"), ("X-Kept", "1")], actor=BOB)
        event = sealed_event(tenant)
        rows.open_delivery(event, to)
        plain = rows.event(tenant)
        rows.open_delivery(plain, to)

        run_loop(nothing_open)

    sent = {request.headers["webhook-id"]: request.headers for request in receiver.requests}
    own = sent[str(event)]
    assert (own["x-tenant"], own["authorization"], own["x-kept"]) == ("message", "Bearer hush", "1")
    assert own["content-type"] == "text/csv"
    other = sent[str(plain)]
    assert (other["x-tenant"], other["content-type"]) == ("endpoint", "application/json")
    assert "authorization" not in other


def test_the_signatures_header_stays_the_platforms(tenant: Tenant) -> None:
    with running() as receiver:
        to = rows.endpoint(tenant, url=receiver.url, policy={"signatureHeader": "Omni-Signature"})
        rows.open_delivery(sealed_event(tenant, Omni_Signature="forged"), to)

        run_loop(nothing_open)

    [request] = receiver.requests
    assert request.headers["omni-signature"].startswith("t=")


def test_headers_that_do_not_open_are_a_config_error(tenant: Tenant) -> None:
    with running() as receiver:
        to = rows.endpoint(tenant, url=receiver.url)
        stolen = sealed_event(tenant).headers
        rows.open_delivery(rows.event(tenant, headers=stolen), to)

        run_loop(attempts_made(1))

    assert receiver.requests == []
    attempt = Attempt.objects.get()
    assert attempt.error_kind == "config_error"
    assert attempt.response == "the message's headers cannot be decrypted"


def test_headers_go_with_the_payload(tenant: Tenant) -> None:
    expunged, expired = sealed_event(tenant), sealed_event(tenant)
    expunge.expunge_payload(expunged, actor=BOB)
    Event.objects.filter(id=expired.id).update(
        payload_expires_at=datetime.now(UTC) - timedelta(seconds=1)
    )

    assert retention.empty_expired_payloads() == 1

    assert list(Event.objects.values_list("payload", "headers")) == [(None, None)] * 2
