"""Looking at a payload in the admin."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from deliveries.models import Event
from endpoints.models import AuditEntry, Endpoint
from tests.integration.deliveries.admin.conftest import text
from tests.integration.deliveries.rows import make_dead

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


WAS_EMPTIED = "was emptied when its retention ended, 2026-11-02 03:04:05 UTC"


@pytest.mark.parametrize(
    ("expired_at", "told"),
    [(None, "was expunged"), (datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC), WAS_EMPTIED)],
)
def test_a_payload_that_is_gone_says_so(
    support: Client, event: Event, endpoint: Endpoint, expired_at: datetime | None, told: str
) -> None:
    alice = endpoint.tenant
    letter = make_dead(alice, endpoint, event=event)
    assert " bytes" in text(support.get(f"/admin/deliveries/deadletter/{letter.pk}/change/"))
    Event.objects.update(payload=None, payload_expires_at=expired_at)

    assert f"It {told}." in text(support.post(path(event)))
    for page in (f"event/{event.pk}", f"deadletter/{letter.pk}"):
        assert told in text(support.get(f"/admin/deliveries/{page}/change/"))
    assert not AuditEntry.objects.filter(action="payload.viewed").exists()


def test_strangers_and_followed_links_see_nothing(
    outsider: Client, support: Client, event: Event
) -> None:
    assert outsider.post(path(event)).status_code == 404
    assert support.get(path(event)).status_code == 405
    assert not AuditEntry.objects.filter(action="payload.viewed").exists()
