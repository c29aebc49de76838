"""Rows as the delivery path leaves them, at any time one likes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from deliveries.models import (
    Attempt,
    DeadLetter,
    Delivery,
    DeliveryStatus,
    Event,
    EventUid,
    OpenDelivery,
    SettledDelivery,
    Trigger,
)
from deliveries.queries.deliveries import delivery_id
from endpoints.models import Endpoint, Organization, Tenant
from webhooks_platform.lib import ids

PARTITIONED = ("event", "settled_delivery", "attempt")
_serial = count(1)


def id_at(when: datetime, tail: int | None = None) -> UUID:
    """Return an id of that millisecond; later calls give higher ones, unless `tail` says."""
    version_and_variant = 7 << 76 | 2 << 62
    return UUID(int=ids.first_at(when).int | version_and_variant | (tail or next(_serial)))


def make_tenant(name: str = "Alice", uid: str | None = None) -> Tenant:
    # A test with real transactions leaves the tables empty.
    organization, _ = Organization.objects.get_or_create(
        is_default=True, defaults={"name": "Default"}
    )
    return Tenant.objects.create(organization=organization, name=name, uid=uid)


def make_endpoint(tenant: Tenant, **values: Any) -> Endpoint:
    values.setdefault("url", "https://receiver.example/hooks")
    return Endpoint.objects.create(tenant=tenant, **values)


def make_event(tenant: Tenant, *, at: datetime | None = None, **values: Any) -> Event:
    values.setdefault("id", id_at(at or timezone.now()))
    values.setdefault("event_type", "invoice.paid")
    values.setdefault("payload", json.dumps({"amount": 1}).encode())
    event = Event.objects.create(
        organization_id=tenant.organization_id, tenant_id=tenant.id, **values
    )
    if event.uid:
        EventUid.objects.create(tenant_id=tenant.id, uid=event.uid, event_id=event.id)
    return event


def _facts(event: Event, endpoint: Endpoint, values: dict[str, Any]) -> dict[str, Any]:
    if values.get("attempts") and "last_status_code" not in values:
        values.update(last_status_code=500, last_error="http_status")
    return {
        "id": delivery_id(event.id, endpoint.id),
        "event_id": event.id,
        "endpoint_id": endpoint.id,
        "tenant_id": event.tenant_id,
        **values,
    }


def make_open(event: Event, endpoint: Endpoint, **values: Any) -> OpenDelivery:
    values.setdefault("status", DeliveryStatus.PENDING)
    values.setdefault("next_attempt_at", timezone.now() + timedelta(minutes=5))
    return OpenDelivery.objects.create(**_facts(event, endpoint, values))


def make_sending(event: Event, endpoint: Endpoint, **values: Any) -> OpenDelivery:
    values.setdefault("attempts", 1)
    values.setdefault("last_status_code", None)
    return make_open(event, endpoint, status=DeliveryStatus.SENDING, lease_id=ids.new(), **values)


def make_settled(
    event: Event, endpoint: Endpoint, status: DeliveryStatus, **values: Any
) -> SettledDelivery:
    if status == DeliveryStatus.DELIVERED:
        values = {"attempts": 1, "last_status_code": 204, **values}
    values.setdefault("settled_at", timezone.now())
    return SettledDelivery.objects.create(**_facts(event, endpoint, {**values, "status": status}))


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


def make_attempt(
    event: Event, endpoint: Endpoint, *, at: datetime | None = None, **values: Any
) -> Attempt:
    values.setdefault("id", id_at(at or timezone.now()))
    values.setdefault("number", 1)
    values.setdefault("trigger", Trigger.SCHEDULED)
    values.setdefault("status_code", 200)
    values.setdefault("duration_ms", 12)
    values.setdefault("error_kind", None if 200 <= values["status_code"] < 300 else "http_status")
    values.setdefault("url", endpoint.url)
    values.setdefault("response", "thanks")
    return Attempt.objects.create(
        delivery_id=delivery_id(event.id, endpoint.id),
        event_id=event.id,
        endpoint_id=endpoint.id,
        tenant_id=event.tenant_id,
        **values,
    )


def the_delivery(event: Event, endpoint: Endpoint) -> Delivery:
    return Delivery.objects.get(id=delivery_id(event.id, endpoint.id))


def partition_days(first: datetime, days: int) -> None:
    """Make partitions of `days` days, from the day of `first` on; ends with the transaction."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    with connection.cursor() as cursor:
        for table in PARTITIONED:
            # It would hold these days.
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {table}_past")
        for day in (start + timedelta(days=number) for number in range(days)):
            low, high = ids.first_at(day), ids.first_at(day + timedelta(days=1))
            for table in PARTITIONED:
                cursor.execute(
                    f"CREATE TABLE {table}_{day:%Y%m%d}_t PARTITION OF {table} "
                    f"FOR VALUES FROM ('{low}') TO ('{high}')"
                )


@contextmanager
def recorded_plans() -> Iterator[list[dict[str, Any]]]:
    """Collect the plan, as JSON, of every SELECT that runs inside."""
    plans: list[dict[str, Any]] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
            plans.append(context["cursor"].fetchone()[0][0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)
