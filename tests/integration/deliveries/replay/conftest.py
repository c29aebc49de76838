"""Rows and steps that the tests of replays share."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from deliveries import take_up
from deliveries.models import DeadLetter, DeliveryStatus, Event, SettledDelivery
from deliveries.take_up import TakenUp
from endpoints.audit import Actor
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.leasing import with_connection
from tests.integration.deliveries.rows import make_event, make_settled
from webhooks_platform.lib import ids

BOB = Actor("bob", "request-1")


@pytest.fixture(autouse=True)
def hints() -> Iterator[list[bytes]]:
    """Collect the tokens that would wake a delivery loop."""
    sent: list[bytes] = []
    with patch("deliveries.wake.hint_after_commit", lambda token=b"1": sent.append(token)):
        yield sent


def taken_up() -> TakenUp:
    """Take up what running jobs may take up now, as a delivery loop would."""
    return with_connection(take_up.take_up)


def make_dead(
    tenant: Tenant, endpoint: Endpoint, *, event: Event | None = None, **letter: object
) -> DeadLetter:
    """Make a delivery that was given up on, with its open letter."""
    of = event or make_event(tenant)
    settled = make_settled(of, endpoint, DeliveryStatus.DEAD, attempts=6)
    return letter_of(settled, of, **letter)


def letter_of(settled: SettledDelivery, event: Event, **letter: object) -> DeadLetter:
    return DeadLetter.objects.create(
        **{
            "delivery_id": settled.id,
            "event_id": event.id,
            "endpoint_id": settled.endpoint_id,
            "tenant_id": event.tenant_id,
            "organization_id": event.organization_id,
            "event_type": event.event_type,
            "reason": "exhausted",
            "attempts": 6,
            "last_attempt_id": ids.new(),
            "last_status_code": 500,
            "last_error": "http_status",
            **letter,
        }
    )
