"""The life of a delivery on one line of time."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from deliveries import expunge, replay, test_events
from deliveries.models import DeliveryStatus, Wait
from deliveries.selection import Selection
from endpoints import lifecycle
from endpoints.audit import Actor
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.admin.conftest import LETTERS, NOTE, text
from tests.integration.deliveries.rows import (
    make_attempt,
    make_dead,
    make_event,
    make_open,
    make_settled,
    the_delivery,
)

pytestmark = pytest.mark.django_db

TOM = Actor("tom")


def life(client: Client, delivery_id: object) -> str:
    shown = text(client.get(f"/admin/deliveries/delivery/{delivery_id}/change/"))
    return shown.split('<ul class="timeline">')[1].split("</ul>")[0]


def in_order(shown: str, *parts: str) -> bool:
    places = [shown.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_it_tells_of_an_event_for_later_and_of_its_cancelling(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    when = datetime(2032, 1, 31, 12, 30, tzinfo=UTC)
    event = make_event(alice, deliver_at=when, tags=["env:prod", "<b>"])
    row = make_open(event, endpoint, next_attempt_at=when, wait=Wait.DELIVER_AT)

    shown = text(support.get(f"/admin/deliveries/event/{event.id}/change/"))
    waiting = life(support, row.id)
    expunge.cancel(event, actor=TOM)

    assert in_order(shown, "Deliver at:", "2032", "Tags:", "env:prod, &lt;b&gt;", "deliver at")
    assert in_order(waiting, "published", "because the event is to be delivered then")
    assert in_order(life(support, row.id), "published", "cancelling asked for by tom", "cancelled")


def test_it_tells_who_decided(support: Client, alice: Tenant, endpoint: Endpoint) -> None:
    event = make_event(alice)
    letter = make_dead(alice, endpoint, event=event)
    make_attempt(event, endpoint, status_code=503, response="<b>later</b>")
    support.post(f"{LETTERS}/discard/?letters={letter}", NOTE)

    shown = life(support, letter.delivery_id)

    assert in_order(
        shown, "published", "503 http_status in 12 ms", "&lt;b&gt;later&lt;/b&gt;",
        "discarded by sue: receiver mended",
    )  # fmt: skip


def test_it_tells_of_parking_and_of_the_replay_that_ended_it(
    support: Client, alice: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(alice)
    lifecycle.disable(endpoint, actor=TOM, note="maintenance")
    make_settled(event, endpoint, DeliveryStatus.PARKED)
    row = the_delivery(event, endpoint)
    lifecycle.enable(endpoint, actor=TOM, note="it is back")
    parked = Selection("all", endpoint_ids=(endpoint.pk,), statuses=(int(DeliveryStatus.PARKED),))
    job = replay.start(alice, parked, note="send them", actor=TOM)

    shown = life(support, row.id)

    assert in_order(
        shown, "published", "endpoint disabled by tom: maintenance",
        "endpoint enabled by tom: it is back", f"/replay/{job.pk}/", "started by tom: send them",
    )  # fmt: skip


def test_a_test_event_is_told_of_once(support: Client, alice: Tenant, endpoint: Endpoint) -> None:
    event = test_events.send(endpoint, "a.b", actor=TOM)
    row = the_delivery(event, endpoint)
    assert life(support, row.id).count("by tom") == 1

    replay.resend(event, endpoint, actor=Actor("sue"), note="once more")
    shown = life(support, row.id)

    assert in_order(shown, "sent as a test by tom", "resend asked for by sue: once more")
    assert shown.count("resend asked for") == 1
