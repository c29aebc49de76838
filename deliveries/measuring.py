"""Turn recorded outcomes into metrics; called once for each batch, after it is committed."""

import time
from collections.abc import Collection, Sequence
from uuid import UUID

from deliveries.models import Trigger
from deliveries.outcome import Outcome, Request, Verdict
from webhooks_platform.lib import metrics
from webhooks_platform.lib.metrics import AttemptFact

_OUTCOMES = {Verdict.DELIVERED: "delivered", Verdict.RETRY: "retry", Verdict.DEAD: "dead"}


def count_recorded(batch: Sequence[Outcome], recorded: Collection[UUID]) -> None:
    """Count the attempts of a batch; `recorded` are the deliveries whose outcome was taken."""
    now = time.time()
    metrics.observe_attempts(
        _fact(outcome, outcome.request, now)
        for outcome in batch
        if outcome.request is not None and outcome.delivery.id in recorded
    )
    if stale := len(batch) - len(recorded):
        metrics.observe_stale_outcomes(stale)


def _fact(outcome: Outcome, request: Request, now: float) -> AttemptFact:
    duration = request.duration_ms
    return AttemptFact(
        outcome=_OUTCOMES[outcome.verdict],
        status_code=request.status_code,
        error_kind=request.error_kind,
        seconds=None if duration is None else duration / 1000,
        age=_age(outcome, now),
        number=outcome.delivery.number,
    )


def _age(outcome: Outcome, now: float) -> float | None:
    """Seconds since the publish, or since the time it asked for.

    None if a person asked for the attempt, at whatever time.
    """
    delivery = outcome.delivery
    if delivery.trigger == Trigger.MANUAL:
        return None
    # The first 48 bits of the event's id are its milliseconds.
    published = (delivery.event_id.int >> 80) / 1000
    if outcome.deliver_at is not None:
        return now - max(published, outcome.deliver_at.timestamp())
    return now - published
