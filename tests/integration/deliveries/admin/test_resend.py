"""Resending from the admin."""

from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from deliveries.models import DeliveryStatus, Event, OpenDelivery, Replay, Trigger
from endpoints.models import AuditEntry, Endpoint, Tenant
from tests.integration.deliveries.admin.conftest import NOTE, text
from tests.integration.deliveries.rows import (
    make_event,
    make_settled,
    the_delivery,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db


def resend_path(row: Any) -> str:
    delivery = ids.to_text(ids.DELIVERY, row.id)
    return f"/admin/deliveries/delivery/resend/?deliveries={delivery}"


def test_a_member_resends_a_delivery(member: Client, event: Event, endpoint: Endpoint) -> None:
    row = make_settled(event, endpoint, DeliveryStatus.DELIVERED)

    answer = member.post(resend_path(row), NOTE, follow=True)

    assert "1 resent." in answer.content.decode()
    assert OpenDelivery.objects.get().trigger == Trigger.MANUAL
    assert Replay.objects.get().created_by == "bob"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.detail["note"]) == ("bob", "receiver mended")


def test_a_refused_resend_says_why(member: Client, event: Event, endpoint: Endpoint) -> None:
    row = make_settled(event, endpoint, DeliveryStatus.PARKED)
    Endpoint.objects.update(disabled_at=timezone.now())

    answer = member.post(resend_path(row), NOTE, follow=True)

    assert "1 not resent: The endpoint is disabled." in answer.content.decode()
    assert the_delivery(event, endpoint).status == DeliveryStatus.PARKED
    assert not Replay.objects.exists()


def test_resending_takes_a_reason_of_somebody_who_sees_the_delivery(
    member: Client, outsider: Client, event: Event, endpoint: Endpoint
) -> None:
    row = make_settled(event, endpoint, DeliveryStatus.DELIVERED)

    assert "One attempt is made at once" in text(member.get(resend_path(row)))
    assert "This field is required." in text(member.post(resend_path(row), {"note": " "}))
    assert "Nothing is chosen." in text(outsider.post(resend_path(row), NOTE))
    assert Client().post(resend_path(row), NOTE).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="bob"))
    assert strict.post(resend_path(row), NOTE).status_code == 403
    assert not OpenDelivery.objects.exists()


def act(client: Client, *rows: Any, **more: str) -> str:
    chosen = {"action": "resend_selected", "_selected_action": [str(row.id) for row in rows]}
    answer = client.post("/admin/deliveries/delivery/", {**chosen, **more}, follow=True)
    if answer.redirect_chain and "resend/" in answer.redirect_chain[-1][0]:
        answer = client.post(answer.redirect_chain[-1][0], NOTE, follow=True)
    return text(answer)


def test_selected_deliveries_are_resent(member: Client, alice: Tenant, endpoint: Endpoint) -> None:
    fine = make_settled(make_event(alice), endpoint, DeliveryStatus.DEAD, attempts=6)
    empty = make_settled(make_event(alice, payload=None), endpoint, DeliveryStatus.DEAD)

    shown = act(member, fine, empty)

    assert "1 resent." in shown
    assert "1 not resent: The payload of the event was expunged." in shown
    assert OpenDelivery.objects.get().id == fine.id


def test_strangers_and_crowds_are_not_resent(
    outsider: Client, member: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    made = [make_settled(make_event(alice), endpoint, DeliveryStatus.DEAD) for _ in range(3)]

    act(outsider, *made)
    with patch("deliveries.admin.deliveries.RESENT_AT_MOST", 2):
        assert "At most 2 deliveries are resent at once." in act(member, *made)

    assert not OpenDelivery.objects.exists()
    assert not Replay.objects.exists()
