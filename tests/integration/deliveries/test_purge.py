"""Emptying all payloads of a tenant in the background."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries import expunge, purge, retention, tasks
from deliveries.models import (
    ContentPurge,
    DeliveryStatus,
    Event,
    OpenDelivery,
    Replay,
    SettledDelivery,
)
from endpoints.audit import Actor
from endpoints.models import Tenant
from tests import rows
from tests.integration.deliveries.leasing import claimed, recorded, retry, with_connection
from tests.integration.deliveries.looping import run_loop
from tests.integration.endpoints.conftest import Api, api_of, audited
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)

BOB = Actor("bob", "request-1")


@pytest.fixture
def tenant() -> Tenant:
    return rows.tenant(uid="alice")


@pytest.fixture
def api(tenant: Tenant) -> Api:
    return api_of(tenant.organization, "manage")


def kept(of: Tenant) -> int:
    return Event.objects.filter(tenant_id=of.id, payload__isnull=False).count()


def test_a_purge_is_a_background_task_from_start_to_end(api: Api, tenant: Tenant) -> None:
    charlie = rows.tenant(name="Charlie", uid="charlie")
    for of in (tenant, tenant, charlie):
        rows.event(of)
    rows.event(tenant, payload=None)

    started = api("POST", "/app/alice/msg/expunge-all-contents", status=202)

    assert (started["status"], started["task"]) == ("running", "application.purge_content")
    assert audited() == [("tenant.payloads_expunged", ids.to_text(ids.TENANT, tenant.id))]
    assert kept(tenant) == 2
    later = rows.event(tenant)
    shown = api("GET", f"/background-task/{started['id']}", status=200)
    assert (shown["status"], shown["data"]) == ("running", {"messagesPurged": 0})

    tasks.replay()

    assert (kept(tenant), kept(charlie)) == (1, 1)
    assert Event.objects.get(tenant_id=tenant.id, payload__isnull=False).id == later.id
    shown = api("GET", f"/background-task/{started['id']}", status=200)
    assert (shown["id"], shown["status"]) == (started["id"], "finished")
    assert shown["data"] == {"messagesPurged": 2}
    assert api("GET", "/background-task", status=200)["data"] == [shown]


def test_tasks_of_both_kinds_are_paged_together(api: Api, tenant: Tenant) -> None:
    for number in range(4):
        if number % 2:
            ContentPurge.objects.create(
                organization_id=tenant.organization_id, tenant_id=tenant.id, state="finished"
            )
        else:
            Replay.objects.create(
                organization_id=tenant.organization_id,
                tenant_id=tenant.id,
                source="resend" if number == 0 else "all",
            )

    first = api("GET", "/background-task?limit=2", status=200)
    rest = api("GET", f"/background-task?limit=2&iterator={first['iterator']}", status=200)

    purge_task, replay_task = "application.purge_content", "endpoint.bulk-replay"
    assert [row["task"] for row in first["data"]] == [purge_task, replay_task]
    assert [row["task"] for row in rest["data"]] == [purge_task]
    assert (first["done"], rest["done"]) == (False, True)
    for query, count in ((f"task={purge_task}", 2), ("status=running", 1), ("task=x", 0)):
        assert len(api("GET", f"/background-task?{query}", status=200)["data"]) == count


def test_tasks_of_others_are_not_found(tenant: Tenant) -> None:
    made = expunge.purge_payloads(tenant, actor=BOB)
    charlie = rows.tenant(name="Charlie")
    theirs = api_of(charlie.organization, "manage", tenant=charlie)
    own = api_of(tenant.organization, "manage", tenant=tenant)
    path = f"/background-task/{ids.to_text('qtask_', made.id)}"

    theirs("GET", path, status=404)

    assert own("GET", path, status=200)["status"] == "running"


def test_what_is_open_is_cancelled_and_what_is_under_way_is_the_last(tenant: Tenant) -> None:
    to = rows.endpoint(tenant)
    rows.open_delivery(rows.event(tenant), to)
    (leased,) = claimed()
    rows.open_delivery(rows.event(tenant), to, due_in=60)
    expunge.purge_payloads(tenant, actor=BOB)

    assert with_connection(purge.purge) is True
    assert OpenDelivery.objects.get().id == leased.id
    recorded([retry(leased)])

    assert not OpenDelivery.objects.exists()
    statuses = SettledDelivery.objects.values_list("status", flat=True)
    assert list(statuses) == [DeliveryStatus.CANCELLED] * 2


def test_a_killed_portion_is_done_again_and_counted_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "PORTION", 2)
    first = [rows.event(tenant).id for _ in range(5)][1]
    job = expunge.purge_payloads(tenant, actor=BOB)

    async def killed_before_its_commit() -> None:
        async with await connect("test") as connection:
            real = connection.execute

            async def execute(query: Any, *values: Any, **options: Any) -> Any:
                found = await real(query, *values, **options)
                if query is purge.STEP and values[0]["position"] != first:
                    raise KeyboardInterrupt
                return found

            connection.execute = execute  # type: ignore[method-assign]
            with pytest.raises(KeyboardInterrupt):
                await purge.purge(connection)

    asyncio.run(killed_before_its_commit())
    job.refresh_from_db()
    assert (job.state, job.purged, kept(tenant)) == ("running", 2, 3)

    tasks.replay()

    job.refresh_from_db()
    assert (job.state, job.purged, kept(tenant)) == ("finished", 5, 0)


def test_a_purge_whose_rows_are_held_has_its_turn_later(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    held = rows.event(tenant)
    job = expunge.purge_payloads(tenant, actor=BOB)

    async def while_held() -> bool:
        async with await connect("holder") as holder, await connect("test") as connection:
            await holder.execute("BEGIN")
            await holder.execute("SELECT FROM event WHERE id = %s FOR UPDATE", [held.id])
            with caplog.at_level(logging.INFO):
                return await purge.purge(connection)

    assert asyncio.run(while_held()) is True
    assert [record.message for record in caplog.records] == ["purge_busy"]
    job.refresh_from_db()
    assert (job.state, job.purged, kept(tenant)) == ("running", 0, 1)


def test_a_delivery_loop_does_it_by_itself(tenant: Tenant) -> None:
    rows.event(tenant)
    job = expunge.purge_payloads(tenant, actor=BOB)

    run_loop(lambda: ContentPurge.objects.get(id=job.id).state == "finished")

    assert kept(tenant) == 0


def test_an_ended_purge_is_forgotten_with_the_retention(tenant: Tenant) -> None:
    expunge.purge_payloads(tenant, actor=BOB)
    with_connection(purge.purge)
    retention.forget_decisions()
    assert ContentPurge.objects.count() == 1
    ContentPurge.objects.update(finished_at=timezone.now() - timedelta(days=91))

    retention.forget_decisions()

    assert ContentPurge.objects.count() == 0
