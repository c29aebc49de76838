"""Replay jobs: start one, and pause, resume or cancel it. Delivery loops take up its deliveries."""

from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.utils import timezone

from deliveries import wake
from deliveries.models import Replay, ReplayLane
from deliveries.replay.counting import lanes, preview
from deliveries.replay.moment import database_now
from deliveries.selection import Selection
from endpoints.audit import Actor, record
from endpoints.models import Tenant
from webhooks_platform.lib import ids

State = Replay.State

#: What may be done to a job -> the states from which, and the state that follows.
ACTIONS: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "pause": (frozenset({State.RUNNING}), State.PAUSED),
    "resume": (frozenset({State.PAUSED}), State.RUNNING),
    "cancel": (frozenset({State.RUNNING, State.PAUSED}), State.CANCELLED),
}
PAST: Final = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}


class WrongStateError(Exception):
    """The job is not in a state that allows this."""


def start(
    tenant: Tenant,
    selection: Selection,
    *,
    note: str,
    actor: Actor,
    rate_per_second: int | None = None,
) -> Replay:
    """Store a job for what the selection holds now, and return it.

    A selection that holds nothing makes a job that is finished.
    """
    with transaction.atomic():
        as_of = database_now()
        counted = preview(tenant, selection, as_of=as_of)
        job = Replay.objects.create(
            organization_id=tenant.organization_id,
            tenant_id=tenant.id,
            source=selection.source,
            filters=selection.as_json(),
            note=note,
            created_by=actor.name,
            created_at=as_of,
            total=counted.total,
            rate_per_second=rate_per_second,
            counted=counted.exact,
            taken_up=False,
            paced_at=as_of,
            sample=counted.sample,
        )
        _make_lanes(job, tenant, selection)
        _audit(actor, "replay.started", job, source=job.source, total=job.total, note=note)
        wake.hint_after_commit(wake.REPLAY)
    return job


def change(job: Replay, action: str, *, actor: Actor) -> Replay:
    """Pause, resume or cancel (ACTIONS); raise WrongStateError with nothing changed.

    What is queued already is still sent.
    """
    allowed, state = ACTIONS[action]
    with transaction.atomic():
        locked = Replay.objects.select_for_update(no_key=True).get(id=job.id)
        if locked.state not in allowed:
            raise WrongStateError(f"A replay that is {locked.state} cannot be {PAST[action]}.")
        locked.state = state
        fields = ["state"]
        if action == "cancel":
            locked.taken_up, locked.finished_at = True, timezone.now()
            fields += ["taken_up", "finished_at"]
        elif action == "resume" and locked.taken_up and not locked.queued:
            # Its last delivery ended while it was paused.
            locked.state, locked.finished_at = State.FINISHED, timezone.now()
            fields += ["finished_at"]
        locked.save(update_fields=fields)
        _audit(actor, f"replay.{PAST[action]}", locked)
        wake.hint_after_commit(wake.REPLAY)
    return locked


def _make_lanes(job: Replay, tenant: Tenant, selection: Selection) -> None:
    endpoints = lanes(tenant, selection).values_list("id", flat=True)
    made = ReplayLane.objects.bulk_create(
        ReplayLane(replay=job, endpoint_id=endpoint_id) for endpoint_id in endpoints
    )
    if not made:
        job.taken_up, job.state, job.finished_at = True, State.FINISHED, job.created_at
        job.save(update_fields=["taken_up", "state", "finished_at"])


def _audit(actor: Actor, action: str, job: Replay, **detail: object) -> None:
    record(
        actor,
        action,
        organization_id=job.organization_id,
        tenant_id=job.tenant_id,
        target=ids.to_text(ids.REPLAY, job.id),
        detail=detail,
    )
