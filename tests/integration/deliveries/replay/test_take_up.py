"""What a job does with rows that somebody else holds, and with what cannot be sent."""

import asyncio
import logging

import pytest

from deliveries import replay, tasks
from deliveries.models import DeadLetter, Replay
from deliveries.selection import Selection
from deliveries.take_up import TakenUp, take_up
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.replay.conftest import BOB
from tests.integration.deliveries.rows import make_dead, make_endpoint, make_tenant
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
