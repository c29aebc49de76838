"""What the reads of the API cost: days opened, rows read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from deliveries.models import DeliveryStatus, Event, SettledDelivery
from deliveries.queries import attempts, deliveries, events
from deliveries.queries.attempts import AttemptFilter
from deliveries.queries.events import EventFilter
from deliveries.queries.paging import window
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import (
    id_at,
    nodes,
    partition_days,
    recorded_plans,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db

NO_FILTER = EventFilter()
ANY_ATTEMPT = AttemptFilter()
DAY = timedelta(days=1)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 8
LATER = FIRST_DAY + 10 * DAY


@pytest.fixture
def filled(tenant: Tenant, endpoint: Endpoint) -> Event:
    """Eight days of partitions with 600 events each; the first event of the fifth day."""
    partition_days(FIRST_DAY, DAYS)
    Event.objects.bulk_create(
        Event(
            id=id_at(FIRST_DAY + number * DAY / 600),
            organization_id=tenant.organization_id,
            tenant_id=tenant.id,
            event_type="paid",
            payload=bytes(500),
        )
        for number in range(DAYS * 600)
    )
    with connection.cursor() as cursor:
        cursor.execute(FILL_DELIVERIES, {"endpoint": endpoint.id})
        cursor.execute(FILL_ATTEMPTS)
        cursor.execute("ANALYZE event, settled_delivery, attempt, open_delivery")
    return Event.objects.filter(id__gte=ids.first_at(FIRST_DAY + 4 * DAY)).earliest("id")


FILL_DELIVERIES = f"""
INSERT INTO settled_delivery (id, event_id, endpoint_id, tenant_id, status, attempts,
                              last_status_code, settled_at)
SELECT delivery_id(id, e.endpoint), id, e.endpoint, tenant_id, {DeliveryStatus.DELIVERED}, 1, 204,
       now()
FROM event, (VALUES (%(endpoint)s::uuid), (gen_random_uuid())) AS e(endpoint)
"""
FILL_ATTEMPTS = """
INSERT INTO attempt (id, delivery_id, event_id, endpoint_id, tenant_id, number, trigger,
                     status_code, url, response)
SELECT overlay(id::text placing right(gen_random_uuid()::text, 12) from 25)::uuid, id, event_id,
       endpoint_id, tenant_id, 1, 0, 204, '', repeat('x', 300)
FROM settled_delivery
"""


def scans(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [node for plan in plans for node in nodes(plan) if "Relation Name" in node]


def assert_indexed(plans: list[dict[str, Any]], *, days: int) -> None:
    """Fail if a filled partition is scanned, or more than `days` of any table are opened."""
    read = [node for node in scans(plans) if node["Actual Loops"] > 0]
    assert [n["Relation Name"] for n in read if n["Node Type"] == "Seq Scan"
            and not n["Relation Name"].endswith("_default")
            and n["Relation Name"] != "open_delivery"] == []  # fmt: skip
    partitions = {node["Relation Name"] for node in read if node["Relation Name"].endswith("_t")}
    for table in ("event", "settled_delivery", "attempt"):
        assert len([name for name in partitions if name.startswith(f"{table}_2")]) <= days


def test_one_event_opens_one_day(tenant: Tenant, filled: Event) -> None:
    with recorded_plans() as plans:
        assert events.find(tenant.id, str(filled)) == filled

    assert_indexed(plans, days=1)


def test_a_page_of_events_reads_only_its_window(tenant: Tenant, filled: Event) -> None:
    now = FIRST_DAY + 6 * DAY
    bounds = window(now=now, after=now - 3 * DAY, before=now - DAY)

    with recorded_plans() as plans:
        page = events.listed(tenant.id, bounds, NO_FILTER, limit=50, with_payload=True)

    assert len(page.rows) == 50
    assert_indexed(plans, days=3)
    assert sum(node["Actual Rows"] for node in scans(plans)) <= 60


def test_attempts_of_an_event_open_no_earlier_day(tenant: Tenant, filled: Event) -> None:
    bounds = window(now=LATER)

    with recorded_plans() as plans:
        assert len(attempts.of_event(filled, bounds, ANY_ATTEMPT, limit=50).rows) == 2

    assert_indexed(plans, days=5)


def test_attempts_of_an_endpoint_look_up_their_events_one_by_one(
    tenant: Tenant, endpoint: Endpoint, filled: Event
) -> None:
    bounds = window(now=LATER, cursor=filled.id)
    wanted = AttemptFilter(events=EventFilter(event_types=("paid",)))

    with recorded_plans() as plans:
        page = attempts.of_endpoint(tenant.id, endpoint.id, bounds, wanted, limit=50)

    assert len(page.rows) == 50
    assert_indexed(plans, days=5)


def test_attempts_of_an_endpoint_are_read_by_the_page(
    tenant: Tenant, endpoint: Endpoint, filled: Event
) -> None:
    with recorded_plans() as plans:
        page = attempts.of_endpoint(
            tenant.id, endpoint.id, window(now=LATER), ANY_ATTEMPT, limit=50
        )

    assert len(page.rows) == 50
    assert_indexed(plans, days=DAYS)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans(plans)) <= 60


def test_deliveries_of_an_event_open_one_day(tenant: Tenant, filled: Event) -> None:
    with recorded_plans() as plans:
        assert len(deliveries.of_event(tenant.id, filled.id)) == 2

    assert_indexed(plans, days=1)


def test_attempted_messages_are_read_by_the_page(
    tenant: Tenant, endpoint: Endpoint, filled: Event
) -> None:
    bounds = window(now=LATER, cursor=filled.id)

    with recorded_plans() as plans:
        page = deliveries.attempted_of_endpoint(
            tenant.id, endpoint.id, bounds, limit=50, wanted=NO_FILTER
        )

    assert len(page.rows) == 50
    assert_indexed(plans, days=5)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans(plans)) <= 200


def test_a_rare_tag_is_found_by_its_index(tenant: Tenant, filled: Event) -> None:
    tagged = list(Event.objects.order_by("id")[1000:1003])
    Event.objects.update(tags=["common"])
    Event.objects.filter(id__in=[event.id for event in tagged]).update(tags=["rare"])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE event")

    with recorded_plans() as plans:
        found = events.listed(
            tenant.id, window(now=LATER), EventFilter(tag="rare"), limit=50, with_payload=False
        )

    assert found.rows == tagged[::-1]
    assert_indexed(plans, days=DAYS)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans(plans)) <= 20


def test_a_common_tag_is_read_by_the_page(tenant: Tenant, filled: Event) -> None:
    Event.objects.update(tags=["common"])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE event")

    with recorded_plans() as plans:
        found = events.listed(
            tenant.id, window(now=LATER), EventFilter(tag="common"), limit=50, with_payload=False
        )

    assert len(found.rows) == 50
    assert_indexed(plans, days=DAYS)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans(plans)) <= 70


def test_cancelled_deliveries_are_read_by_their_index(
    tenant: Tenant, endpoint: Endpoint, filled: Event
) -> None:
    some = SettledDelivery.objects.filter(endpoint_id=endpoint.id).order_by("id")[10:13]
    SettledDelivery.objects.filter(id__in=[row.id for row in some]).update(
        status=DeliveryStatus.CANCELLED, last_status_code=None
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE settled_delivery")

    with recorded_plans() as plans:
        page = deliveries.attempted_of_endpoint(
            tenant.id,
            endpoint.id,
            window(now=LATER),
            limit=50,
            statuses=[DeliveryStatus.CANCELLED],
            wanted=NO_FILTER,
        )

    assert len(page.rows) == 3
    assert_indexed(plans, days=DAYS)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans(plans)) <= 20
