"""Rows and partitions of chosen days, for the tests of upkeep."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from deliveries import partitions, retention
from deliveries.models import (
    DeadLetter,
    DeliveryStatus,
    Event,
    OpenDelivery,
    SettledDelivery,
)
from webhooks_platform.lib import ids

TENANT, ENDPOINT, ORGANIZATION = uuid4(), uuid4(), uuid4()


@pytest.fixture
def partitions_as_migrated() -> Iterator[None]:
    """Put the partitions back as the migration left them: today and seven days ahead."""
    yield
    with connection.cursor() as cursor:
        for table in partitions.TABLES:
            for part in partitions.listed(cursor, table)[1:]:
                cursor.execute(f"DROP TABLE {part.name}")
            past, low = f"{table}_past", ids.of_day(partitions.today())[0]
            cursor.execute(f"TRUNCATE {table}")
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {past}")
            cursor.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {past} "
                f"FOR VALUES FROM (MINVALUE) TO ('{low}')"
            )
    retention.ensure_partitions()


def id_at(when: datetime) -> UUID:
    """Return an id of that instant that no other call returns."""
    return UUID(int=ids.first_at(when).int | uuid4().int & (1 << 80) - 1)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def make_event(when: datetime, **fields: object) -> Event:
    return Event.objects.create(
        id=id_at(when),
        organization_id=ORGANIZATION,
        tenant_id=TENANT,
        event_type="order.paid",
        **{"payload": b"{}", **fields},
    )


def make_letter(event: Event, *, decision: str | None = None) -> DeadLetter:
    delivery = SettledDelivery.objects.create(
        id=id_at(ids.timestamp(event.id)),
        event_id=event.id,
        endpoint_id=ENDPOINT,
        tenant_id=TENANT,
        status=DeliveryStatus.DEAD,
        settled_at=timezone.now(),
    )
    return DeadLetter.objects.create(
        delivery_id=delivery.id,
        event_id=event.id,
        endpoint_id=ENDPOINT,
        tenant_id=TENANT,
        organization_id=ORGANIZATION,
        event_type="order.paid",
        reason="exhausted",
        attempts=6,
        decision=decision,
    )


def make_open(event: Event) -> OpenDelivery:
    return OpenDelivery.objects.create(
        id=id_at(ids.timestamp(event.id)),
        event_id=event.id,
        endpoint_id=ENDPOINT,
        tenant_id=TENANT,
        status=DeliveryStatus.PENDING,
        next_attempt_at=timezone.now(),
    )


def drop_day(day: date) -> None:
    with connection.cursor() as cursor:
        for table in partitions.TABLES:
            cursor.execute(f"DROP TABLE {table}_{day:%Y%m%d}")


def send_back_to_default(day: date) -> None:
    """Undo what made the day's partition of `event`, as one step for whoever reads and writes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"ALTER TABLE event DETACH PARTITION event_{day:%Y%m%d}")
        cursor.execute(f"INSERT INTO event SELECT * FROM event_{day:%Y%m%d}")
        cursor.execute(f"DROP TABLE event_{day:%Y%m%d}")


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def names(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [part.name for part in partitions.listed(cursor, table)]
