"""Decide dead letters: replay one, discard one, or discard all that match."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from deliveries import wake
from deliveries.models import DeadLetter, Replay
from deliveries.reopening import REOPEN, reopening
from deliveries.replay.moment import database_now
from deliveries.replay.refusals import PayloadGoneError, check_receives, lock_payload
from deliveries.selection import LOWEST, Selection
from endpoints.audit import Actor, record
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids

#: Letters that one transaction discards, and seconds that a request spends on discarding.
BATCH = 2000
BUDGET = 0.6

DISCARD = """
WITH chosen AS (
    SELECT id FROM dead_letter
    WHERE id = ANY (%(letters)s) AND decision IS NULL ORDER BY id FOR UPDATE
)
UPDATE dead_letter l
SET decision = 'discarded', decided_at = clock_timestamp(), decided_by = %(by)s, note = %(note)s
FROM chosen WHERE l.id = chosen.id
"""


NEXT = """
WITH scanned AS MATERIALIZED ({scan})
SELECT ARRAY(SELECT key FROM scanned WHERE wanted), count(*) < %(scan)s,
       (SELECT key FROM scanned ORDER BY key DESC LIMIT 1)
FROM scanned
"""


class AlreadyDecidedError(Exception):
    """Somebody has decided on the dead letter before."""


@dataclass(frozen=True)
class Discarded:
    """What discard_all() did: `more` is whether letters that match are left."""

    count: int
    more: bool


@transaction.atomic
def replay_letter(letter: DeadLetter, endpoint: Endpoint, *, note: str, actor: Actor) -> Replay:
    """Decide one letter by delivering it again, due now; return the job of one delivery.

    Raises AlreadyDecidedError, EndpointDisabledError or PayloadGoneError, with nothing changed.
    """
    check_receives(endpoint)
    locked = _lock(letter)
    lock_payload(locked.event_id)
    selection = Selection(Replay.Source.DEAD_LETTER, letter_ids=(locked.id,))
    job = Replay.objects.create(
        organization_id=locked.organization_id,
        tenant_id=locked.tenant_id,
        source=selection.source,
        filters=selection.as_json(),
        note=note,
        created_by=actor.name,
        total=1,
        queued=1,
    )
    if not _reopen(locked, job):
        raise PayloadGoneError("The delivery is not kept any more.")
    _audit(actor, "dead_letter.replayed", locked, replay=ids.to_text(ids.REPLAY, job.id), note=note)
    wake.hint_after_commit()
    return job


@transaction.atomic
def discard(letter: DeadLetter, *, note: str, actor: Actor) -> DeadLetter:
    """Decide one letter by leaving it undelivered; raise AlreadyDecidedError."""
    locked = _lock(letter)
    _discard([locked.id], note, actor)
    _audit(actor, "dead_letter.discarded", locked, note=note)
    locked.refresh_from_db()
    return locked


def discard_all(tenant: Tenant, selection: Selection, *, note: str, actor: Actor) -> Discarded:
    """Discard the letters that the selection holds, for at most some 0.6 s, in batches.

    Each batch is committed with its entry in the audit log; call again while there are more.
    """
    until = time.monotonic() + BUDGET
    values = {**selection.parameters(tenant.id, database_now()), "scan": BATCH}
    count = 0
    for endpoint_id in _endpoints(tenant, selection):
        lane = {**values, "endpoint": endpoint_id, "position": LOWEST}
        done = False
        while not done:
            if time.monotonic() > until:
                return Discarded(count, more=True)
            with transaction.atomic():
                letters, done, lane["position"] = _next(selection, lane)
                discarded = _discard(letters, note, actor)
                if discarded:
                    _audit_many(actor, tenant, selection, discarded, note)
            count += discarded
    return Discarded(count, more=False)


def _endpoints(tenant: Tenant, selection: Selection) -> list[UUID]:
    """Return the endpoints whose letters are meant, deleted ones too."""
    rows = Endpoint.objects.filter(tenant=tenant).order_by("id")
    if selection.endpoint_ids:
        rows = rows.filter(id__in=selection.endpoint_ids)
    return list(rows.values_list("id", flat=True))


def _next(selection: Selection, values: dict[str, Any]) -> tuple[list[UUID], bool, UUID | None]:
    with connection.cursor() as cursor:
        cursor.execute(NEXT.format(scan=selection.scan()), values)
        letters, done, position = cursor.fetchone()
    return letters, done, position


def _discard(letters: list[UUID], note: str, actor: Actor) -> int:
    with connection.cursor() as cursor:
        cursor.execute(DISCARD, {"letters": letters, "by": actor.name, "note": note})
        discarded: int = cursor.rowcount
    return discarded


def _lock(letter: DeadLetter) -> DeadLetter:
    locked = DeadLetter.objects.select_for_update().get(id=letter.id)
    if locked.decision is not None:
        raise AlreadyDecidedError(f"The dead letter has been {locked.decision} already.")
    return locked


def _reopen(letter: DeadLetter, job: Replay) -> int:
    """Put the letter's delivery into the queue and decide the letter; return 0 if it is gone."""
    values = reopening(
        job=job.id,
        tenant=letter.tenant_id,
        endpoint=letter.endpoint_id,
        deliveries=[letter.delivery_id],
        events=[letter.event_id],
        decided_by=job.created_by,
        note=job.note,
    )
    with connection.cursor() as cursor:
        cursor.execute(REOPEN, values)
        taken: int = cursor.fetchone()[0]
    return taken


def _audit(actor: Actor, action: str, letter: DeadLetter, **detail: str) -> None:
    record(
        actor,
        action,
        organization_id=letter.organization_id,
        tenant_id=letter.tenant_id,
        target=ids.to_text(ids.DEAD_LETTER, letter.id),
        detail={"event": ids.to_text(ids.EVENT, letter.event_id), **detail},
    )


def _audit_many(actor: Actor, tenant: Tenant, selection: Selection, count: int, note: str) -> None:
    record(
        actor,
        "dead_letter.discarded",
        organization_id=tenant.organization_id,
        tenant_id=tenant.id,
        target=ids.to_text(ids.TENANT, tenant.id),
        detail={"count": count, "filters": selection.as_json(), "note": note},
    )
