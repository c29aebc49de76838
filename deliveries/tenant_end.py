"""Decide what a deleted tenant leaves undecided: its open dead letters and its replay jobs.

Nobody reaches a deleted tenant any more, so nobody could decide them later.
"""

from typing import Final

from django.db import connection, transaction

from deliveries.models import DeadLetter, Replay
from endpoints.audit import Actor, record, record_tenant
from endpoints.models import Tenant
from webhooks_platform.lib import ids

NOTE: Final = "tenant deleted"
#: Who decides what comes up after the deletion, as the end of an attempt that was under way.
PLATFORM: Final = Actor("platform")

# Rows are locked in the order of their ids, as everywhere.
DISCARD = f"""
WITH chosen AS (
    SELECT id FROM dead_letter
    WHERE tenant_id = %(tenant)s AND decision IS NULL ORDER BY id FOR UPDATE
)
UPDATE dead_letter l
SET decision = '{DeadLetter.Decision.DISCARDED}', decided_at = clock_timestamp(),
    decided_by = %(by)s, note = %(note)s
FROM chosen WHERE l.id = chosen.id
"""
CANCEL = f"""
WITH chosen AS (
    SELECT id FROM replay
    WHERE tenant_id = %(tenant)s
      AND state IN ('{Replay.State.RUNNING}', '{Replay.State.PAUSED}')
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE replay r
SET state = '{Replay.State.CANCELLED}', taken_up = true, finished_at = clock_timestamp()
FROM chosen WHERE r.id = chosen.id RETURNING r.id
"""
LEFT_BEHIND = """
SELECT id FROM tenant t WHERE deleted_at IS NOT NULL AND EXISTS (
    SELECT FROM dead_letter l WHERE l.tenant_id = t.id AND l.decision IS NULL)
"""


def end_tenant(tenant: Tenant, actor: Actor) -> None:
    """Discard the tenant's open letters and cancel its jobs; the caller holds the transaction."""
    discard_letters(tenant, actor)
    _cancel_jobs(tenant, actor)


def discard_letters(tenant: Tenant, actor: Actor) -> int:
    """Discard all open letters of a tenant, with one entry in its audit log; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(DISCARD, {"tenant": tenant.id, "by": actor.name, "note": NOTE})
        count: int = cursor.rowcount
    if count:
        detail = {"count": count, "filters": {}, "note": NOTE}
        record_tenant(actor, "dead_letter.discarded", tenant, **detail)
    return count


def discard_left_behind() -> int:
    """Discard what deleted tenants have open all the same; return how many letters that were."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT_BEHIND)
        found = [row[0] for row in cursor.fetchall()]
    count = 0
    for tenant in Tenant.objects.filter(id__in=found).order_by("id"):
        with transaction.atomic(durable=True):
            count += discard_letters(tenant, PLATFORM)
    return count


def _cancel_jobs(tenant: Tenant, actor: Actor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CANCEL, {"tenant": tenant.id})
        jobs = [row[0] for row in cursor.fetchall()]
    for job in jobs:
        record(
            actor,
            "replay.cancelled",
            organization_id=tenant.organization_id,
            tenant_id=tenant.id,
            target=ids.to_text(ids.REPLAY, job),
            detail={"note": NOTE},
        )
