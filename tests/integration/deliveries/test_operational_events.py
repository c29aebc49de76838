"""Operational events: stored once, in the transaction of what they tell of, or not at all."""

import json
from typing import Any
from uuid import UUID

import pytest
import standardwebhooks
from django.db import connection, transaction

from deliveries import replay
from deliveries.models import (
    Attempt,
    DeliveryStatus,
    Event,
    OpenDelivery,
    SettledDelivery,
    Trigger,
)
from deliveries.publish import Publication, Refused, store_now
from deliveries.record import record
from deliveries.selection import Selection
from endpoints import lifecycle, operational, rotation, tenants
from endpoints.audit import Actor
from endpoints.models import Endpoint, EndpointHealth, Organization, Tenant
from tests import rows
from tests.integration.deliveries.leasing import (
    claimed,
    dead,
    delivered,
    lease,
    recorded,
    retry,
    with_connection,
)
from tests.integration.deliveries.looping import nothing_open, run_loop
from tests.integration.deliveries.replay.conftest import hints, taken_up
from tests.integration.deliveries.rows import make_dead
from tests.receiver import answer, running
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

__all__ = ["hints"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("hints")]

BOB = Actor("bob", "request-1")


@pytest.fixture
def tenant() -> Tenant:
    return rows.tenant(uid="alice")


@pytest.fixture
def endpoint(tenant: Tenant) -> Endpoint:
    return rows.endpoint(tenant, uid="shop")


@pytest.fixture
def listening(tenant: Tenant) -> Endpoint:
    """An operational endpoint that wants everything."""
    hidden = operational.find_or_create(tenant.organization_id, actor=BOB)
    return rows.endpoint(hidden)


def told() -> list[dict[str, Any]]:
    """Return the bodies of the operational events, oldest first."""
    events = Event.objects.filter(tenant_id__in=Tenant.objects.filter(is_operational=True))
    return [json.loads(bytes(event.payload)) for event in events.order_by("id")]


def types() -> list[str]:
    return [body["type"] for body in told()]


def place(endpoint: Endpoint) -> dict[str, str]:
    return {
        "appId": ids.to_text(ids.TENANT, endpoint.tenant_id),
        "appUid": "alice",
        "endpointId": ids.to_text(ids.ENDPOINT, endpoint.id),
    }


def of_attempt(endpoint: Endpoint, event: Event, attempt: Attempt) -> dict[str, Any]:
    return {
        **place(endpoint),
        "msgId": ids.to_text(ids.EVENT, event.id),
        "msgEventId": event.uid,
        "lastAttempt": {
            "id": ids.to_text(ids.ATTEMPT, attempt.id),
            "responseStatusCode": attempt.status_code,
            "timestamp": ids.timestamp(attempt.id).isoformat().replace("+00:00", "Z"),
        },
    }


def test_changes_of_an_endpoint_are_told_with_their_transaction(
    tenant: Tenant, endpoint: Endpoint, listening: Endpoint
) -> None:
    url = lifecycle.checked_url("https://receiver.example/")
    made = lifecycle.create(tenant, {"url": url, "uid": "new"}, actor=BOB)
    lifecycle.update(made, {"description": "x"}, actor=BOB)
    lifecycle.update(made, {"description": "x"}, actor=BOB)  # Changes nothing.
    rotation.rotate(made, actor=BOB)
    lifecycle.replace_headers(made, [("x-a", "1")], actor=BOB)
    lifecycle.delete(made, actor=BOB)

    assert types() == [
        "endpoint.created",
        "endpoint.updated",
        "endpoint.updated",
        "endpoint.updated",
        "endpoint.deleted",
    ]
    wanted = {**place(made), "endpointUid": "new"}
    assert [body["data"] for body in told()] == [wanted] * 5
    assert OpenDelivery.objects.filter(endpoint_id=listening.id).count() == 5


def test_nothing_is_told_when_the_change_is_rolled_back(
    endpoint: Endpoint, listening: Endpoint
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        lifecycle.disable(endpoint, actor=BOB)
        assert types() == ["endpoint.disabled"]
        raise ZeroDivisionError

    assert (types(), OpenDelivery.objects.count()) == ([], 0)
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None


def test_a_disabled_endpoint_says_since_when_it_fails(
    endpoint: Endpoint, listening: Endpoint
) -> None:
    by_hand = lifecycle.disable(endpoint, actor=BOB)
    lifecycle.enable(endpoint, actor=BOB)
    recorded([dead(lease(rows.open_delivery(rows.event(endpoint.tenant), endpoint)))])
    since = EndpointHealth.objects.get(endpoint=endpoint).first_exhausted_at
    lifecycle.disable(endpoint, actor=BOB, reason=Endpoint.Disabled.FAILING)

    assert types() == [
        "endpoint.disabled",
        "endpoint.enabled",
        "message.attempt.exhausted",
        "endpoint.disabled",
    ]
    assert by_hand.disabled_at is not None
    assert since is not None
    common = {**place(endpoint), "endpointUid": "shop"}
    assert told()[0]["data"] == {
        **common,
        "failSince": by_hand.disabled_at.isoformat().replace("+00:00", "Z"),
        "trigger": "manual",
    }
    assert told()[1]["data"] == common
    assert told()[3]["data"] == {
        **common,
        "failSince": since.isoformat().replace("+00:00", "Z"),
        "trigger": "automatic",
    }


def test_a_deleted_tenant_tells_of_each_of_its_endpoints(
    tenant: Tenant, endpoint: Endpoint, listening: Endpoint
) -> None:
    rows.endpoint(tenant, uid="second")

    tenants.delete(tenant, actor=BOB)

    assert types() == ["endpoint.deleted"] * 2
    facts = [(body["data"]["appUid"], body["data"]["endpointUid"]) for body in told()]
    assert sorted(facts) == [("alice", "second"), ("alice", "shop")]


def test_only_the_organizations_own_endpoints_that_want_it_are_told(
    tenant: Tenant, endpoint: Endpoint, listening: Endpoint
) -> None:
    other = Organization.objects.create(name="other")
    stranger = rows.endpoint(operational.find_or_create(other.id, actor=BOB))
    picky = rows.endpoint(listening.tenant, event_types=["endpoint.deleted"])
    asleep = rows.endpoint(listening.tenant)
    Endpoint.objects.filter(id=asleep.id).update(disabled_at="2026-01-01T00:00:00Z")

    lifecycle.update(endpoint, {"description": "x"}, actor=BOB)

    event = Event.objects.get()
    assert (event.tenant_id, event.organization_id) == (listening.tenant_id, tenant.organization_id)
    assert OpenDelivery.objects.values_list("endpoint_id", flat=True).get() == listening.id
    parked = SettledDelivery.objects.get()
    assert (parked.endpoint_id, parked.status) == (asleep.id, DeliveryStatus.PARKED)
    assert picky.id != stranger.id


def test_nobody_publishes_to_the_operational_tenant(listening: Endpoint) -> None:
    hidden = listening.tenant
    publication = Publication(
        event_id=ids.new(), organization_id=hidden.organization_id, reach=None,
        tenant_id=hidden.id, tenant_uid=None, key_id=None, fingerprint=None,
        event_type="endpoint.deleted", uid=None, channels=None, payload=b"{}",
        payload_expires_at=None, correlation_id=None, request_id=None, traceparent=None,
    )  # fmt: skip

    assert store_now(publication) is Refused.NO_TENANT
    assert (Event.objects.count(), OpenDelivery.objects.count()) == (0, 0)


def test_the_operational_tenant_tells_nothing_of_itself(listening: Endpoint) -> None:
    lifecycle.update(listening, {"description": "x"}, actor=BOB)
    event = rows.event(listening.tenant)
    recorded([dead(lease(rows.open_delivery(event, listening)))])

    assert Event.objects.get() == event


def failed(endpoint: Endpoint, times: int, **values: Any) -> OpenDelivery:
    """Return a delivery that has failed so often."""
    event = rows.event(endpoint.tenant, uid="order-1")
    return rows.open_delivery(event, endpoint, charged=times, attempts=times, **values)


@pytest.mark.parametrize(("before", "wanted"), [(2, []), (3, ["message.attempt.failing"]), (4, [])])
def test_the_fourth_failure_is_told(
    endpoint: Endpoint, listening: Endpoint, before: int, wanted: list[str]
) -> None:
    row = failed(endpoint, before)

    recorded([retry(lease(row))])

    assert types() == wanted
    event, attempt = Event.objects.get(id=row.event_id), Attempt.objects.get()
    assert [body["data"] for body in told()] == [of_attempt(endpoint, event, attempt)] * len(wanted)
    assert OpenDelivery.objects.filter(endpoint_id=listening.id).count() == len(wanted)


@pytest.mark.parametrize(("before", "wanted"), [(3, []), (4, ["message.attempt.recovered"])])
def test_a_success_after_four_failures_is_told(
    endpoint: Endpoint, listening: Endpoint, before: int, wanted: list[str]
) -> None:
    row = failed(endpoint, before)

    recorded([delivered(lease(row))])

    assert types() == wanted
    event, attempt = Event.objects.get(id=row.event_id), Attempt.objects.get()
    assert [body["data"] for body in told()] == [of_attempt(endpoint, event, attempt)] * len(wanted)


def test_a_replayed_dead_letter_that_arrives_has_recovered(
    tenant: Tenant, endpoint: Endpoint, listening: Endpoint
) -> None:
    make_dead(tenant, endpoint)
    job = replay.start(tenant, Selection("dead-letter"), note="why", actor=BOB)
    taken_up()

    recorded([delivered(each) for each in claimed() if each.tenant_id == tenant.id])

    assert types() == ["background_task.finished", "message.attempt.recovered"] or types() == [
        "message.attempt.recovered",
        "background_task.finished",
    ]
    task = next(body for body in told() if body["type"] == "background_task.finished")
    assert task["data"] == {
        "taskId": ids.to_text("qtask_", job.id),
        "task": "endpoint.recover",
        "status": "finished",
        "data": {
            "appId": ids.to_text(ids.TENANT, tenant.id),
            "appUid": "alice",
            "total": 1,
            "queued": 0,
            "delivered": 1,
            "failed": 0,
        },
    }
    assert OpenDelivery.objects.filter(endpoint_id=listening.id).count() == 2


def test_a_manual_attempt_of_what_never_failed_is_no_recovery(
    endpoint: Endpoint, listening: Endpoint
) -> None:
    row = rows.open_delivery(rows.event(endpoint.tenant), endpoint, trigger=Trigger.MANUAL)

    recorded([delivered(lease(row))])

    assert types() == []


def test_a_cancelled_job_is_told_as_failed_and_a_resend_is_not(
    tenant: Tenant, endpoint: Endpoint, listening: Endpoint
) -> None:
    letter = make_dead(tenant, endpoint)
    job = replay.start(tenant, Selection("dead-letter"), note="why", actor=BOB)
    replay.change(job, "cancel", actor=BOB)
    replay.resend(Event.objects.get(id=letter.event_id), endpoint, actor=BOB)
    recorded([delivered(each) for each in claimed() if each.tenant_id == tenant.id])

    assert types() == ["background_task.finished", "message.attempt.recovered"]
    assert told()[0]["data"]["status"] == "failed"


def test_a_job_over_operational_deliveries_is_not_told(listening: Endpoint) -> None:
    make_dead(listening.tenant, listening)
    replay.start(listening.tenant, Selection("dead-letter"), note="why", actor=BOB)
    taken_up()

    recorded([delivered(each) for each in claimed()])

    assert Event.objects.count() == 1


def test_ids_made_by_the_database_are_those_of_python() -> None:
    known = UUID("0192d3f0-1c2b-7abc-8def-0123456789ab")
    with connection.cursor() as cursor:
        cursor.execute("SELECT wire_id('app_', %s), new_id(), clock_timestamp()", [known])
        text, fresh, now = cursor.fetchone()

    assert text == ids.to_text("app_", known)
    assert (fresh.version, fresh.variant) == (7, "specified in RFC 4122")
    assert abs((ids.timestamp(fresh) - now).total_seconds()) < 1


def test_a_given_up_delivery_is_told_once_in_its_own_transaction(
    endpoint: Endpoint, listening: Endpoint
) -> None:
    outcome = dead(lease(failed(endpoint, 5)))

    async def undone(own: Connection) -> None:
        async with own.transaction(force_rollback=True):
            await record(own, [outcome], disable_after=1e9)

    with_connection(undone)
    assert (types(), Attempt.objects.count()) == ([], 0)

    recorded([outcome])
    recorded([outcome])  # Its lease is over.

    assert types() == ["message.attempt.exhausted"]
    event = Event.objects.get(uid="order-1")
    attempt = Attempt.objects.get()
    assert told()[0]["data"] == of_attempt(endpoint, event, attempt)


def test_a_letter_without_an_attempt_has_none_to_show(
    endpoint: Endpoint, listening: Endpoint
) -> None:
    recorded([dead(lease(failed(endpoint, 0)), reason="expired", request=None)])

    assert told()[0]["data"]["lastAttempt"] is None


def test_a_batch_tells_of_several_in_one_statement(endpoint: Endpoint, listening: Endpoint) -> None:
    deliveries = [rows.open_delivery(rows.event(endpoint.tenant), endpoint) for _ in range(3)]
    by_id = {each.id: each for each in claimed()}
    outcomes = [dead(by_id[row.id], "permanent") for row in deliveries]
    seen: list[object] = []

    async def counted(own: Connection) -> None:
        execute = own.execute

        async def watch(query: Any, *arguments: Any, **options: Any) -> Any:
            seen.append(query)
            return await execute(query, *arguments, **options)

        own.execute = watch  # type: ignore[method-assign]
        await record(own, outcomes, disable_after=1e9)

    with_connection(counted)

    assert len(seen) == 1
    assert types() == ["message.attempt.exhausted"] * 3


def test_without_operational_endpoints_nothing_is_stored(endpoint: Endpoint) -> None:
    row = failed(endpoint, 5)
    recorded([dead(lease(row))])
    lifecycle.update(endpoint, {"description": "x"}, actor=BOB)

    assert [event.id for event in Event.objects.all()] == [row.event_id]


def test_a_deleted_operational_endpoint_hears_no_more(
    endpoint: Endpoint, listening: Endpoint
) -> None:
    lifecycle.delete(listening, actor=BOB)

    lifecycle.update(endpoint, {"description": "x"}, actor=BOB)

    assert Event.objects.count() == 0


def test_what_a_gone_endpoint_causes_arrives_signed(tenant: Tenant) -> None:
    hidden = operational.find_or_create(tenant.organization_id, actor=BOB)
    with running(lambda n, _: answer(410)) as gone, running() as receiver:
        rows.endpoint(hidden, url=receiver.url)
        endpoint = rows.endpoint(tenant, url=gone.url, uid="shop")
        rows.open_delivery(rows.event(tenant), endpoint)

        run_loop(lambda: len(receiver.requests) == 2 and nothing_open())

    for arrived in receiver.requests:
        standardwebhooks.Webhook(rows.SECRET).verify(arrived.body, arrived.headers)
    bodies = [json.loads(arrived.body) for arrived in receiver.requests]
    assert sorted(body["type"] for body in bodies) == [
        "endpoint.disabled",
        "message.attempt.exhausted",
    ]
    disabled = next(body["data"] for body in bodies if body["type"] == "endpoint.disabled")
    assert (disabled["endpointUid"], disabled["trigger"]) == ("shop", "automatic")
