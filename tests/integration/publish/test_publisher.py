"""The group commit against real PostgreSQL: sharing, losing, failing alone, reconnecting."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from django.db import connection

from deliveries.models import Event, EventUid, OpenDelivery
from deliveries.publish import (
    Accepted,
    Outcome,
    OverloadedError,
    Publication,
    Publisher,
    PublishError,
    Refused,
    UnavailableError,
    publisher,
    statement,
    store_now,
)
from endpoints.models import Tenant
from tests import rows
from webhooks_platform.lib import database, ids
from webhooks_platform.models import IdempotencyKey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tenant() -> Tenant:
    return rows.tenant(uid="alice")


@pytest.fixture
def publication(tenant: Tenant) -> Callable[..., Publication]:
    def make(**values: Any) -> Publication:
        empty = dict.fromkeys(Publication._fields)
        return Publication(
            **{
                **empty,
                "event_id": ids.new(),
                "organization_id": tenant.organization_id,
                "tenant_id": tenant.id,
                "event_type": "invoice.paid",
                "payload": b"{}",
                **values,
            }
        )

    return make


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every publish statement that runs."""
    seen: list[int] = []
    real = statement.store

    async def store(connection: Any, batch: Sequence[Publication]) -> Any:
        seen.append(len(batch))
        return await real(connection, batch)

    monkeypatch.setattr("deliveries.publish.committer.store", store)
    return seen


hints: list[int] = []


@pytest.fixture(autouse=True)
def no_hints() -> Iterator[None]:
    hints.clear()
    yield


async def hint() -> None:
    hints.append(1)


def publish_all(
    publications: Sequence[Publication], *, committers: int = 1
) -> list[Outcome | BaseException]:
    """Publish at the same time, in one loop."""

    async def run(shared: Publisher) -> list[Outcome | BaseException]:
        sends = [shared.publish(each) for each in publications]
        return list(await asyncio.gather(*sends, return_exceptions=True))

    return with_publisher(run, committers=committers)


def with_publisher(run: Callable[[Publisher], Awaitable[Any]], *, committers: int = 1) -> Any:
    async def main() -> Any:
        shared = Publisher(hint, committers=committers)
        shared.open()
        try:
            return await run(shared)
        finally:
            await shared.close()

    return asyncio.run(main())


def test_concurrent_publishes_share_a_statement(
    publication: Callable[..., Publication], statements: list[int], tenant: Tenant
) -> None:
    rows.endpoint(tenant)
    batch = [publication() for _ in range(50)]

    outcomes = publish_all(batch)

    assert [outcome.event_id for outcome in outcomes if isinstance(outcome, Accepted)] == [
        each.event_id for each in batch
    ]
    assert statements == [50]
    assert OpenDelivery.objects.count() == 50
    assert len(hints) == 1


@pytest.mark.parametrize(
    ("first", "expected"),
    [pytest.param(4, [4, 10], id="after many"), pytest.param(3, [3, 1], id="after few")],
)
def test_many_gather_and_few_do_not_wait(
    publication: Callable[..., Publication], statements: list[int], first: int, expected: list[int]
) -> None:
    async def run(shared: Publisher) -> None:
        await asyncio.gather(*[shared.publish(publication()) for _ in range(first)])
        later = []
        for _ in range(10):
            later.append(asyncio.create_task(shared.publish(publication())))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.gather(*later)

    with_publisher(run)

    assert statements[:2] == expected
    assert Event.objects.count() == first + 10


def test_what_comes_after_the_end_is_refused(publication: Callable[..., Publication]) -> None:
    async def run(shared: Publisher) -> None:
        await shared.close()
        with pytest.raises(UnavailableError):
            await shared.publish(publication())

    with_publisher(run)

    assert Event.objects.count() == 0


def test_gives_no_hint_when_nothing_is_to_be_delivered(
    publication: Callable[..., Publication],
) -> None:
    publish_all([publication()])

    assert Event.objects.count() == 1
    assert hints == []


def test_a_statement_takes_so_many_rows_and_bytes(
    publication: Callable[..., Publication],
    statements: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "STATEMENT_ROWS", 20)
    monkeypatch.setattr(publisher, "STATEMENT_BYTES", 1000)
    small = [publication() for _ in range(30)]
    large = [publication(payload=b"{%b}" % (b" " * 600)) for _ in range(3)]

    publish_all([*small, *large])

    assert statements == [20, 11, 1, 1]


def test_a_bad_member_fails_alone(
    publication: Callable[..., Publication], statements: list[int]
) -> None:
    # No text of PostgreSQL holds U+0000; the door lets none through.
    batch = [publication(), publication(event_type="a\x00b"), publication()]

    outcomes = publish_all(batch)

    assert [type(outcome) for outcome in (outcomes[0], outcomes[2])] == [Accepted, Accepted]
    assert isinstance(outcomes[1], PublishError)
    assert statements == [3, 1, 1, 1]
    assert Event.objects.count() == 2


def test_one_key_in_one_process_is_one_row_of_the_statement(
    publication: Callable[..., Publication], statements: list[int]
) -> None:
    key, request = ids.new(), ids.new()

    outcomes = publish_all([publication(key_id=key, fingerprint=request) for _ in range(10)])

    assert len(set(outcomes)) == 1
    assert statements == [1]
    assert Event.objects.count() == IdempotencyKey.objects.count() == 1


def test_another_request_under_a_key_in_flight_is_refused(
    publication: Callable[..., Publication],
) -> None:
    key = ids.new()

    outcomes = publish_all([publication(key_id=key, fingerprint=ids.new()) for _ in range(2)])

    assert isinstance(outcomes[0], Accepted)
    assert outcomes[1] is Refused.KEY_USED
    assert Event.objects.count() == 1


def test_two_processes_race_for_keys_and_uids(publication: Callable[..., Publication]) -> None:
    requests = [
        {"key_id": ids.new(), "fingerprint": ids.new(), "uid": f"u-{number % 10}"}
        for number in range(40)
    ]

    async def race() -> list[Outcome | BaseException]:
        # Two publishers know nothing of each other, like two processes.
        both = [Publisher(hint), Publisher(hint)]
        for each in both:
            each.open()
        sends = [each.publish(publication(**request)) for request in requests for each in both]
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
        for each in both:
            await each.close()
        return list(outcomes)

    outcomes = asyncio.run(race())

    accepted = {outcome.event_id for outcome in outcomes if isinstance(outcome, Accepted)}
    others = [outcome for outcome in outcomes if not isinstance(outcome, Accepted)]
    assert set(others) == {Refused.UID_USED}
    assert len(accepted) == Event.objects.count() == EventUid.objects.count() == 10
    assert set(IdempotencyKey.objects.values_list("event_id", flat=True)) == accepted


def test_a_row_that_would_be_half_stored_is_tried_again_alone(
    publication: Callable[..., Publication], statements: list[int]
) -> None:
    # Both are new to the statement: each key is won, the uid by one of them only.
    first, second = [
        publication(key_id=ids.new(), fingerprint=ids.new(), uid="u", tenant_uid=name)
        for name in ("x", "y")
    ]

    async def run(shared: Publisher) -> Any:
        committer = shared._committers[0]
        return await committer.commit([first, second])

    results, _ = with_publisher(run)

    assert isinstance(results[first.event_id], Accepted)
    assert results[second.event_id] is Refused.UID_USED
    assert statements == [2, 1, 1]
    assert IdempotencyKey.objects.count() == Event.objects.count() == 1


def test_a_broken_connection_is_replaced(publication: Callable[..., Publication]) -> None:
    async def run(shared: Publisher) -> list[Outcome]:
        first = await shared.publish(publication())
        await asyncio.to_thread(terminate, "webhooks-publish")
        return [first, await shared.publish(publication())]

    outcomes = with_publisher(run)

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    "names", [{}, {"uid": "u"}, {"key_id": ids.new(), "fingerprint": ids.new()}]
)
def test_what_was_committed_before_the_connection_broke_is_stored_once(
    publication: Callable[..., Publication],
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, Any],
) -> None:
    real = statement.store
    breaks = [True]

    async def store(connection: database.Connection, batch: Sequence[Publication]) -> Any:
        result = await real(connection, batch)
        if breaks.pop() if breaks else False:
            await connection.close()
            raise psycopg.OperationalError("the answer was lost")
        return result

    monkeypatch.setattr("deliveries.publish.committer.store", store)

    (outcome,) = publish_all([publication(**names)])

    assert isinstance(outcome, Accepted)
    assert [event.id for event in Event.objects.all()] == [outcome.event_id]


def test_is_unavailable_without_a_database_and_recovers(
    publication: Callable[..., Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = database.connect

    async def refuse(_: str) -> database.Connection:
        raise psycopg.OperationalError("refused")

    async def run(shared: Publisher) -> list[Outcome | BaseException]:
        monkeypatch.setattr(database, "connect", refuse)
        down = await asyncio.gather(shared.publish(publication()), return_exceptions=True)
        monkeypatch.setattr(database, "connect", real)
        shared._committers[0]._connection._next_try = 0.0
        return [*down, await shared.publish(publication())]

    down, up = with_publisher(run)

    assert isinstance(down, UnavailableError)
    assert isinstance(up, Accepted)


def test_takes_no_more_than_may_wait(
    publication: Callable[..., Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "WAITING_ROWS", 5)

    outcomes = publish_all([publication() for _ in range(8)])

    assert [type(outcome) for outcome in outcomes] == [Accepted] * 5 + [OverloadedError] * 3
    assert Event.objects.count() == 5


def test_closing_commits_what_waits(publication: Callable[..., Publication]) -> None:
    async def run(shared: Publisher) -> list[Outcome]:
        sends = [asyncio.create_task(shared.publish(publication())) for _ in range(20)]
        await asyncio.sleep(0)
        await shared.close()
        return await asyncio.gather(*sends)

    outcomes = with_publisher(run)

    assert [type(outcome) for outcome in outcomes] == [Accepted] * 20


def test_stores_one_at_once_on_djangos_connection(
    publication: Callable[..., Publication], tenant: Tenant
) -> None:
    rows.endpoint(tenant)
    good = publication(uid="u", channels="a,b")

    outcomes = [store_now(good), store_now(publication(uid="u"))]

    assert outcomes == [
        Accepted(good.event_id, "u", "invoice.paid", "a,b", b"{}"),
        Refused.UID_USED,
    ]
    assert store_now(publication(tenant_id=ids.new())) is Refused.NO_TENANT
    assert OpenDelivery.objects.count() == 1


def terminate(application_name: str) -> None:
    """End sessions, as a restart of the database does; runs in a thread of its own."""
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            [application_name],
        )
