"""Reads of events, attempts and deliveries: what they find, in which order, and at what cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import Attempt, Delivery, DeliveryStatus, Event, OpenDelivery
from deliveries.queries import attempts, deliveries, events
from deliveries.queries.attempts import AttemptFilter
from deliveries.queries.events import EventFilter
from deliveries.queries.paging import Page, Window, window
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import (
    id_at,
    make_attempt,
    make_endpoint,
    make_event,
    make_open,
    make_sending,
    make_settled,
    make_tenant,
)

pytestmark = pytest.mark.django_db

NO_FILTER = EventFilter()
ANY_ATTEMPT = AttemptFilter()
DAY = timedelta(days=1)


def span(**bounds: Any) -> Window:
    return window(now=timezone.now(), **bounds)


def listed(tenant: Tenant, wanted: EventFilter = NO_FILTER, **bounds: Any) -> Page[Event]:
    return events.listed(tenant.id, span(**bounds), wanted, limit=50, with_payload=False)


def test_events_come_newest_first_and_only_the_tenants_own(tenant: Tenant) -> None:
    first, second = make_event(tenant), make_event(tenant)
    make_event(make_tenant("Charlie"))

    page = listed(tenant)

    assert page.rows == [second, first]
    assert page.done


def test_events_are_filtered_by_type_and_channel(tenant: Tenant) -> None:
    paid = make_event(tenant, event_type="paid", channels=["a", "b"])
    made = make_event(tenant, event_type="made", channels=["b"])
    sent = make_event(tenant, event_type="sent")

    assert listed(tenant, EventFilter(event_types=("paid", "sent"))).rows == [sent, paid]
    assert listed(tenant, EventFilter(channel="b")).rows == [made, paid]
    assert listed(tenant, EventFilter(event_types=("paid",), channel="b")).rows == [paid]
    assert listed(tenant, EventFilter(channel="c")).rows == []


def test_pages_meet_in_both_directions(tenant: Tenant) -> None:
    made = [make_event(tenant) for _ in range(5)]

    def page(cursor: Event | None = None, *, backwards: bool = False) -> Page[Event]:
        bounds = {"cursor": cursor.id, "backwards": backwards} if cursor else {}
        return events.listed(tenant.id, span(**bounds), NO_FILTER, limit=2, with_payload=False)

    first, second, third = page(), page(made[3]), page(made[1])
    back = page(made[0], backwards=True)

    assert [first.rows, second.rows, third.rows] == [
        [made[4], made[3]],
        [made[2], made[1]],
        [made[0]],
    ]
    assert [first.done, second.done, third.done] == [False, False, True]
    assert (back.rows, back.done) == ([made[2], made[1]], False)


def test_events_older_than_the_window_are_reached_by_iterating_on(tenant: Tenant) -> None:
    now = timezone.now()
    young, old = make_event(tenant, at=now - 89 * DAY), make_event(tenant, at=now - 150 * DAY)

    assert listed(tenant).rows == [young]
    assert listed(tenant, cursor=young.id).rows == [old]


def test_an_event_is_found_by_id_or_uid_by_its_tenant_only(tenant: Tenant) -> None:
    event = make_event(tenant, uid="order-1")
    stranger = make_tenant("Charlie")

    assert events.find(tenant.id, str(event)) == event
    assert events.find(tenant.id, "order-1") == event
    assert events.find(stranger.id, str(event)) is None
    assert events.find(stranger.id, "order-1") is None


@pytest.mark.parametrize("text", ["msg_", "msg_0", "a\0b", "ü", "msg_7" + "z" * 25, ""])
def test_text_that_names_no_event_finds_none(tenant: Tenant, text: str) -> None:
    assert events.find(tenant.id, text) is None


def test_attempts_of_an_endpoint_are_filtered(tenant: Tenant, endpoint: Endpoint) -> None:
    paid, made = make_event(tenant, event_type="paid"), make_event(tenant, channels=["b"])
    good = make_attempt(paid, endpoint)
    refused = make_attempt(made, endpoint, status_code=404)
    lost = make_attempt(made, endpoint, status_code=0, error_kind="connect_timeout")
    make_attempt(made, make_endpoint(tenant))

    def found(**values: Any) -> list[Attempt]:
        wanted = AttemptFilter(**values)
        return attempts.of_endpoint(tenant.id, endpoint.id, span(), wanted, limit=9).rows

    assert found() == [lost, refused, good]
    assert found(succeeded=True) == [good]
    assert found(succeeded=False) == [lost, refused]
    assert found(status_code_class=400) == [refused]
    assert found(status_code_class=0) == [lost]
    assert found(events=EventFilter(event_types=("paid",))) == [good]
    assert found(events=EventFilter(channel="b")) == [lost, refused]


def test_attempts_of_an_event_include_one_whose_machine_has_a_slow_clock(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    event = make_event(tenant)
    early = make_attempt(event, endpoint, at=timezone.now() - timedelta(minutes=1))
    other = make_attempt(event, make_endpoint(tenant))

    assert attempts.of_event(event, span(), ANY_ATTEMPT, limit=9).rows == [other, early]
    page = attempts.of_event(event, span(), ANY_ATTEMPT, limit=9, endpoint_id=endpoint.id)
    assert page.rows == [early]
    assert attempts.find(event, early.id) == early
    assert attempts.find(make_event(tenant), early.id) is None


def test_attempted_deliveries_are_open_and_settled_ones_with_an_ended_attempt(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    def event() -> Event:
        return make_event(tenant)

    make_open(event(), endpoint)
    make_sending(event(), endpoint)
    make_settled(event(), endpoint, DeliveryStatus.PARKED)
    retried = make_open(event(), endpoint, attempts=1)
    delivered = make_settled(event(), endpoint, DeliveryStatus.DELIVERED)
    dead = make_settled(event(), endpoint, DeliveryStatus.DEAD, attempts=6)

    def found(**values: Any) -> list[Any]:
        page = deliveries.attempted_of_endpoint(
            tenant.id, endpoint.id, span(), limit=9, **{"wanted": NO_FILTER, **values}
        )
        return [delivery.id for delivery in page.rows]

    assert found() == [dead.id, delivered.id, retried.id]
    assert found(statuses=[DeliveryStatus.DEAD]) == [dead.id]
    assert found(wanted=EventFilter(channel="b")) == []


def test_deliveries_of_one_millisecond_page_in_the_order_of_their_events(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    instant = timezone.now()
    made = [make_event(tenant, id=id_at(instant, tail)) for tail in range(1, 21)]
    for event in made:
        make_settled(event, endpoint, DeliveryStatus.DELIVERED)
    later = make_event(tenant, at=instant + timedelta(seconds=1))
    make_open(later, endpoint, attempts=1)

    def page(**bounds: Any) -> list[Any]:
        found = deliveries.attempted_of_endpoint(
            tenant.id, endpoint.id, span(**bounds), limit=7, wanted=NO_FILTER
        )
        return [delivery.event_id for delivery in found.rows]

    newest_first = [later.id, *(event.id for event in reversed(made))]
    assert page() == newest_first[:7]
    assert page(cursor=newest_first[6]) == newest_first[7:14]
    assert page(cursor=newest_first[14], backwards=True) == newest_first[7:14]


def test_deliveries_of_an_event_are_its_own(tenant: Tenant, endpoint: Endpoint) -> None:
    instant = timezone.now()
    event, twin = (make_event(tenant, id=id_at(instant, tail)) for tail in (1, 2))
    settled = make_settled(event, endpoint, DeliveryStatus.DELIVERED)
    open_ = make_open(event, make_endpoint(tenant))
    make_open(twin, endpoint)

    assert [row.id for row in deliveries.of_event(tenant.id, event.id)] == [settled.id, open_.id]
    assert [row.id for row in deliveries.attempted_of_event(tenant.id, event.id)] == [settled.id]


def test_the_view_shows_each_delivery_once(tenant: Tenant, endpoint: Endpoint) -> None:
    event = make_event(tenant)
    make_open(event, endpoint)

    assert Delivery.objects.count() == OpenDelivery.objects.count() == 1
