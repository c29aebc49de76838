"""Nobody sees a payload without an entry in the audit log."""

from unittest.mock import patch

import pytest
from django.db import transaction

from deliveries import expunge, payload_views
from deliveries.models import Event
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Tenant
from tests.integration.deliveries.rows import make_event, make_tenant
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db

ANNA = Actor("anna", "request-1")


@pytest.fixture
def event(tenant: Tenant) -> Event:
    made = make_event(tenant, payload=b'{"amount": 1.10}')
    return Event.objects.defer("payload").get(id=made.id)


def test_a_payload_is_shown_with_an_entry_that_does_not_hold_it(event: Event) -> None:
    assert payload_views.view_payload(event, ANNA) == b'{"amount": 1.10}'

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.request_id) == ("anna", "payload.viewed", "request-1")
    assert (entry.organization_id, entry.tenant_id) == (event.organization_id, event.tenant_id)
    assert (entry.target, entry.detail) == (ids.to_text(ids.EVENT, event.id), {})


def test_each_look_is_an_entry(event: Event) -> None:
    payload_views.view_payload(event, ANNA)
    payload_views.view_payload(event, Actor("bob"))

    assert list(AuditEntry.objects.order_by("id").values_list("actor", flat=True)) == [
        "anna",
        "bob",
    ]


def test_what_is_gone_is_not_seen(event: Event) -> None:
    expunge.expunge_payload(event, actor=ANNA)

    assert payload_views.view_payload(event, ANNA) is None

    assert [entry.action for entry in AuditEntry.objects.all()] == ["event.payload_expunged"]


def test_an_event_of_another_tenant_is_not_read(event: Event) -> None:
    event.tenant_id = make_tenant("Charlie").id

    assert payload_views.view_payload(event, ANNA) is None
    assert not AuditEntry.objects.exists()


def test_without_an_entry_nothing_is_shown(event: Event) -> None:
    with (
        patch.object(payload_views, "record", side_effect=OSError),
        pytest.raises(OSError),
        transaction.atomic(),
    ):
        payload_views.view_payload(event, ANNA)

    assert not AuditEntry.objects.exists()
