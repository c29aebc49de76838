"""Looking at a payload in the admin."""

import pytest
from django.test import Client

from deliveries.models import Event
from endpoints.models import AuditEntry
from tests.integration.deliveries.admin.conftest import text

pytestmark = pytest.mark.django_db


def path(event: Event) -> str:
    return f"/admin/deliveries/event/{event.pk}/payload/"


def test_an_events_page_has_the_size_and_not_the_payload(support: Client, event: Event) -> None:
    assert event.payload is not None
    shown = text(support.get(f"/admin/deliveries/event/{event.pk}/change/"))

    assert f"{len(event.payload)} bytes" in shown and "Show payload" in shown
    assert "alert(1)" not in shown
    assert not AuditEntry.objects.filter(action="payload.viewed").exists()


def test_whoever_opens_a_payload_leaves_an_entry(support: Client, event: Event) -> None:
    answer = support.post(path(event))

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text(answer)
    assert "no-store" in answer["Cache-Control"]
    entry = AuditEntry.objects.get(action="payload.viewed")
    assert (entry.actor, entry.target, entry.detail) == ("sue", str(event), {})


def test_a_payload_that_is_gone_says_so(support: Client, event: Event) -> None:
    Event.objects.update(payload=None)

    assert "It has expired." in text(support.post(path(event)))
    assert not AuditEntry.objects.filter(action="payload.viewed").exists()


def test_strangers_and_followed_links_see_nothing(
    outsider: Client, support: Client, event: Event
) -> None:
    assert outsider.post(path(event)).status_code == 404
    assert support.get(path(event)).status_code == 405
    assert not AuditEntry.objects.filter(action="payload.viewed").exists()
