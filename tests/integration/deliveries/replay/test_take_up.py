"""What a job does with rows that somebody else holds, and with what cannot be sent."""

import asyncio
import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from deliveries import expunge, replay, tasks
from deliveries.models import DeadLetter, DeliveryStatus, OpenDelivery, Replay, SettledDelivery
from deliveries.selection import Selection
from deliveries.take_up import TakenUp, take_up
from endpoints import lifecycle
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.leasing import claimed, delivered, recorded
from tests.integration.deliveries.replay.conftest import BOB, taken_up
from tests.integration.deliveries.rows import make_dead, make_endpoint, make_event, make_tenant
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


def start(tenant: Tenant, source: str = "dead-letter") -> Replay:
    return replay.start(tenant, Selection(source), note="why", actor=BOB)


def numbers(job: Replay) -> tuple[str, int, int, int, int]:
    job.refresh_from_db()
    return job.state, job.total, job.queued, job.delivered, job.failed


def test_a_job_whose_rows_are_held_has_its_turn_later(
    tenant: Tenant, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    charlie = make_tenant("Charlie")
    make_dead(tenant, endpoint)
    make_dead(charlie, make_endpoint(charlie))
    held, free = start(tenant), start(charlie)

    async def while_held() -> TakenUp:
        async with await connect("holder") as holder, await connect("test") as connection:
            await holder.execute("BEGIN")
            await holder.execute("SELECT FROM replay WHERE id = %s FOR UPDATE", [held.id])
            with caplog.at_level(logging.INFO):
                return await take_up(connection)

    assert asyncio.run(while_held()) == TakenUp(jobs=2, deliveries=1)
    assert [(r.levelname, r.message) for r in caplog.records] == [("INFO", "replay_busy")]
    assert (numbers(held), numbers(free)) == (("running", 1, 0, 0, 0), ("running", 1, 1, 0, 0))
    assert DeadLetter.objects.get(tenant_id=tenant.id).decision is None
    tasks.replay()
    assert numbers(held) == ("running", 1, 1, 0, 0)


@pytest.mark.parametrize("source", ["dead-letter", "failed", "all"])
def test_what_has_no_payload_any_more_fails_and_its_letter_stays_open(
    tenant: Tenant, endpoint: Endpoint, source: str
) -> None:
    expired = make_event(tenant, payload_expires_at=timezone.now() - timedelta(seconds=1))
    expunged, kept = make_event(tenant), make_event(tenant)
    for event in (expired, expunged, kept):
        make_dead(tenant, endpoint, event=event)
    expunge.expunge_payload(expunged, actor=BOB)

    job = start(tenant, source)
    assert taken_up().deliveries == 1

    assert numbers(job) == ("running", 3, 1, 0, 2)
    assert OpenDelivery.objects.get().event_id == kept.id
    left = DeadLetter.objects.filter(decision=None)
    assert set(left.values_list("event_id", flat=True)) == {expired.id, expunged.id}
    assert set(left.values_list("replay_id", "decided_by", "note")) == {(None, None, None)}
    assert set(SettledDelivery.objects.values_list("status", flat=True)) == {DeliveryStatus.DEAD}
    recorded([delivered(lease) for lease in claimed()])
    assert numbers(job) == ("finished", 3, 0, 1, 2)


def test_deleting_an_endpoint_cancels_what_is_queued_and_leaves_other_letters_open(
    tenant: Tenant, endpoint: Endpoint
) -> None:
    queued = make_dead(tenant, endpoint)
    job = start(tenant)
    taken_up()
    later = make_dead(tenant, endpoint)

    lifecycle.delete(endpoint, actor=BOB)
    taken_up()

    assert numbers(job) == ("finished", 1, 0, 0, 1)
    statuses = dict(SettledDelivery.objects.values_list("id", "status"))
    assert statuses[queued.delivery_id] == DeliveryStatus.CANCELLED
    assert statuses[later.delivery_id] == DeliveryStatus.DEAD
    decisions = dict(DeadLetter.objects.values_list("id", "decision"))
    assert decisions == {queued.id: "replayed", later.id: None}
