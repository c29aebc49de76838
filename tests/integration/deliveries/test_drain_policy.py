"""What an endpoint's policy and secrets make of an attempt."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from deliveries import drain, holding
from deliveries.claim import extend
from deliveries.models import Attempt, DeliveryStatus, Lease, OpenDelivery, SettledDelivery
from endpoints import rotation
from endpoints.audit import Actor
from endpoints.models import SigningSecret
from endpoints.signing_secrets import generate_ed25519
from tests import rows
from tests.integration.deliveries.looping import OPTIONS, attempts_made, nothing_open, run_loop
from tests.receiver import answer, running
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_endpoint_may_take_longer_than_the_platform() -> None:
    hasty, patient = {"sendTimeout": 1}, {"sendTimeout": 3}
    with running(lambda n, _: (2.0, answer(200))) as receiver:
        tenant = rows.tenant()
        fast = rows.endpoint(tenant, url=receiver.url, policy=hasty)
        rows.open_delivery(rows.event(tenant), fast)
        slow = rows.endpoint(tenant, url=receiver.url, policy=patient)
        rows.open_delivery(rows.event(tenant), slow)

        run_loop(attempts_made(2), options=replace(OPTIONS, send_timeout=1.0))

    made = {a.endpoint_id: (a.status_code, a.error_kind) for a in Attempt.objects.all()}
    assert made == {slow.id: (200, None), fast.id: (0, "timeout")}
    # Its lease outlives the longest send of the claim, not only the platform's own.
    lease = Lease.objects.get(delivery_ids__len=2)
    assert (lease.expires_at - ids.timestamp(lease.id)).total_seconds() > 17


def test_a_stop_waits_for_an_endpoint_that_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "LEASE_MARGIN", 0.5)
    monkeypatch.setattr(drain, "SWEEP", 0.1)
    with running(lambda n, _: (2.0, answer(200))) as receiver:
        tenant = rows.tenant(policy={"sendTimeout": 3})
        rows.open_delivery(rows.event(tenant), rows.endpoint(tenant, url=receiver.url))

        begun = lambda: len(receiver.requests) == 1  # noqa: E731
        run_loop(begun, options=replace(OPTIONS, send_timeout=1.0))

    attempt = Attempt.objects.get()
    assert (attempt.status_code, attempt.error_kind) == (200, None)
    assert SettledDelivery.objects.get().status == DeliveryStatus.DELIVERED


@pytest.mark.parametrize("trouble", ["taken back", "not to be had"])
def test_nothing_is_sent_on_a_lease_that_cannot_be_extended(
    monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    async def extended(*arguments: Any, **options: Any) -> bool:
        if trouble == "not to be had":
            raise psycopg.OperationalError
        await asyncio.to_thread(rows.without_leases)
        return await extend(*arguments, **options)

    monkeypatch.setattr(holding, "extend", extended)
    with running() as receiver:
        tenant = rows.tenant()
        endpoint = rows.endpoint(tenant, url=receiver.url, policy={"sendTimeout": 10})
        rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(lambda: False, seconds=0.3)

    assert receiver.requests == []
    waiting = OpenDelivery.objects.get()
    assert (waiting.status, waiting.attempts) == (DeliveryStatus.PENDING, 0)
    assert not Attempt.objects.exists()


def test_an_ed25519_endpoint_goes_without_the_hex_form() -> None:
    with running() as receiver:
        tenant = rows.tenant(policy={"signatureHeader": "Omni-Signature"})
        shared = rows.endpoint(tenant, url=receiver.url)
        public = rows.endpoint(tenant, url=receiver.url)
        rotation.rotate(public, key=generate_ed25519(), grace_seconds=0, actor=Actor("test"))
        events = {shared.id: rows.event(tenant), public.id: rows.event(tenant)}
        for endpoint in (shared, public):
            rows.open_delivery(events[endpoint.id], endpoint)

        run_loop(nothing_open)

    by_event = {request.headers["webhook-id"]: request.headers for request in receiver.requests}
    with_hex, without = (by_event[str(events[endpoint.id])] for endpoint in (shared, public))
    assert with_hex["omni-signature"].startswith("t=")
    assert with_hex["webhook-signature"].startswith("v1,")
    assert "omni-signature" not in without
    assert without["webhook-signature"].startswith("v1a,")


def test_the_hex_form_ends_with_the_last_shared_secret_in_its_overlap() -> None:
    with running() as receiver:
        tenant = rows.tenant(policy={"signatureHeader": "Omni-Signature"})
        endpoint = rows.endpoint(tenant, url=receiver.url)
        rotation.rotate(endpoint, key=generate_ed25519(), actor=Actor("test"))
        ends_at = datetime.now(UTC) + timedelta(seconds=1)
        endpoint.secrets.filter(expires_at__isnull=False).update(expires_at=ends_at)
        rows.open_delivery(rows.event(tenant), endpoint)
        rows.open_delivery(rows.event(tenant), endpoint, due_in=1.1)

        run_loop(nothing_open)

    during, after = (request.headers for request in receiver.requests)
    assert during["omni-signature"].startswith("t=")
    assert "omni-signature" not in after
    assert after["webhook-signature"].startswith("v1a,")
    assert {row.status for row in SettledDelivery.objects.all()} == {DeliveryStatus.DELIVERED}


def test_what_cannot_be_sent_says_which_part_is_at_fault() -> None:
    tenant = rows.tenant()
    one, other = rows.endpoint(tenant), rows.endpoint(tenant)
    SigningSecret.objects.filter(endpoint=one).update(
        ciphertext=SigningSecret.objects.get(endpoint=other).ciphertext
    )
    rows.open_delivery(rows.event(tenant), one)

    run_loop(attempts_made(1))

    made = Attempt.objects.get()
    assert (made.error_kind, made.status_code) == ("config_error", 0)
    assert made.response == "a signing secret cannot be decrypted for this endpoint"
