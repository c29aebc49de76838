"""Making and filling partitions on a real PostgreSQL."""

import threading
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from deliveries import partitions, retention
from deliveries.models import (
    Event,
)
from tests.integration.deliveries.days import (
    ORGANIZATION,
    TENANT,
    count,
    drop_day,
    id_at,
    make_event,
    midnight,
    names,
    partitions_as_migrated,
    send_back_to_default,
)

__all__ = ["partitions_as_migrated"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("partitions_as_migrated"),
]


@pytest.mark.parametrize("table", partitions.TABLES)
def test_a_migrated_database_has_today_and_seven_days_without_a_gap(table: str) -> None:
    with connection.cursor() as cursor:
        past, *days = partitions.listed(cursor, table)

    assert past.name == f"{table}_past"
    today = partitions.today()
    expected = [today + timedelta(days=ahead) for ahead in range(8)]
    assert [part.name for part in days] == [f"{table}_{day:%Y%m%d}" for day in expected]
    assert all(one.high == other.low for one, other in pairwise([past, *days]))


def test_ensuring_again_makes_nothing() -> None:
    # The session may have begun on the day before.
    retention.ensure_partitions()
    assert retention.ensure_partitions() == []


def test_a_dry_run_names_what_is_missing_and_makes_nothing() -> None:
    # The session may have begun on the day before.
    retention.ensure_partitions()
    before = names("event")

    missing = retention.ensure_partitions(8, dry_run=True)

    day = partitions.today() + timedelta(days=8)
    assert missing == [f"{table}_{day:%Y%m%d}" for table in partitions.TABLES]
    assert names("event") == before


def test_events_across_midnight_without_tomorrows_partition_all_go_into_it() -> None:
    tomorrow = partitions.today() + timedelta(days=1)
    drop_day(tomorrow)
    start = midnight(tomorrow) - timedelta(milliseconds=500)
    events = Event.objects.bulk_create(
        Event(
            id=id_at(start + timedelta(milliseconds=number)),
            organization_id=ORGANIZATION,
            tenant_id=TENANT,
            event_type="order.paid",
            payload=b"%d" % number,
        )
        for number in range(1000)
    )
    assert count("event_default") == 500

    made = retention.ensure_partitions()

    assert made == [f"{table}_{tomorrow:%Y%m%d}" for table in partitions.TABLES]
    assert count("event_default") == 0
    assert count(f"event_{tomorrow:%Y%m%d}") == 500
    found = dict(Event.objects.values_list("id", "payload"))
    assert found == {event.id: event.payload for event in events}


def test_rows_of_days_that_nobody_asked_for_get_partitions_too() -> None:
    today = partitions.today()
    later = [today + timedelta(days=days) for days in (9, 12)]
    for day in later:
        make_event(midnight(day))

    made = retention.ensure_partitions()

    assert made == [f"event_{day:%Y%m%d}" for day in later]
    assert count("event_default") == 0
    assert Event.objects.count() == 2


def test_a_large_default_becomes_the_partition_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MOVED_AT_MOST", 2)
    today = partitions.today()
    for day in (today, today + timedelta(days=1)):
        drop_day(day)
    events = [make_event(midnight(today) + timedelta(hours=12 * part)) for part in range(4)]

    retention.ensure_partitions()

    assert count("event_default") == 0
    assert count(f"event_{today:%Y%m%d}") == 4
    assert set(Event.objects.values_list("id", flat=True)) == {event.id for event in events}
    make_event(midnight(today) + timedelta(days=9))
    assert count("event_default") == 1


def test_a_large_default_around_other_partitions_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MOVED_AT_MOST", 1)
    today = partitions.today()
    drop_day(today)
    days = [today, today + timedelta(days=8)]
    for day in days:
        make_event(midnight(day))

    retention.ensure_partitions()

    assert [count(f"event_{day:%Y%m%d}") for day in days] == [1, 1]
    assert count("event_default") == 0


def test_publishes_and_reads_go_on_while_rows_move() -> None:
    today = partitions.today()
    written: list[list[UUID]] = [[], [], []]
    failures: list[Exception] = []
    stop = threading.Event()

    def write(mine: list[UUID]) -> None:
        try:
            while not stop.is_set():
                event = make_event(timezone.now())
                assert bytes(Event.objects.get(id=event.id).payload or b"") == b"{}"
                mine.append(event.id)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(mine,)) for mine in written]
    drop_day(today)
    for thread in threads:
        thread.start()
    for _ in range(5):
        while count("event_default") < 20 and not failures:
            pass
        retention.ensure_partitions()
        assert f"event_{today:%Y%m%d}" in names("event")
        send_back_to_default(today)
    stop.set()
    for thread in threads:
        thread.join()
    retention.ensure_partitions()

    assert failures == []
    assert count("event_default") == 0
    ids_written = [event_id for mine in written for event_id in mine]
    assert sorted(Event.objects.values_list("id", flat=True)) == sorted(ids_written)


def test_many_at_once_make_each_partition_once() -> None:
    tomorrow = partitions.today() + timedelta(days=1)
    drop_day(tomorrow)
    made: list[str] = []

    def ensure() -> None:
        try:
            made.extend(retention.ensure_partitions())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == sorted(f"{table}_{tomorrow:%Y%m%d}" for table in partitions.TABLES)


def test_a_lock_that_is_not_had_in_time_is_given_up_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT_MS", 20)
    tomorrow = partitions.today() + timedelta(days=1)
    drop_day(tomorrow)
    pauses: list[float] = []
    holder = connections.create_connection("default")
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE event IN ACCESS SHARE MODE")

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        holder.close()

    monkeypatch.setattr(partitions.time, "sleep", pause)
    retention.ensure_partitions()

    assert len(pauses) == 1
    assert f"event_{tomorrow:%Y%m%d}" in names("event")


def test_the_command_makes_and_drops_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    day = partitions.today() + timedelta(days=8)

    call_command("partitions", "--ensure", "8", "--drop")

    assert capsys.readouterr().out.splitlines() == [
        *[f"make {table}_{day:%Y%m%d}" for table in partitions.TABLES],
        "nothing to drop",
    ]


def test_the_command_needs_to_be_told_what_to_do() -> None:
    with pytest.raises(CommandError, match="--ensure DAYS"):
        call_command("partitions")
