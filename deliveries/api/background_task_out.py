"""Replay jobs, purges and questions about usage as svix shows background tasks."""

from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from django.utils import timezone

from deliveries.models import BackgroundTask, ContentPurge, Replay
from endpoints.models import UsageQuestion
from webhooks_platform.lib import ids

TASK: Final = "qtask_"

TASKS: Final = {
    Replay.Source.DEAD_LETTER: "endpoint.recover",
    Replay.Source.FAILED: "endpoint.recover",
    Replay.Source.MISSING: "endpoint.replay",
    Replay.Source.ALL: "endpoint.bulk-replay",
    BackgroundTask.PURGE: "application.purge_content",
    UsageQuestion.Kind.USAGE: "application.stats",
    UsageQuestion.Kind.EVENT_TYPES: "event-type.aggregate",
}
#: svix knows three states; those of the others are among a replay's.
STATUSES: Final = {
    Replay.State.RUNNING: "running",
    Replay.State.PAUSED: "running",
    Replay.State.FINISHED: "finished",
    Replay.State.CANCELLED: "failed",
    Replay.State.FAILED: "failed",
}


class _Job(Protocol):
    id: UUID
    state: str
    finished_at: datetime | None


def task_out(job: Replay) -> dict[str, Any]:
    """Return a replay job that has just been started."""
    return _shown(job, job.source)


def purge_out(purge: ContentPurge) -> dict[str, Any]:
    """Return a purge that has just been started."""
    return _shown(purge, BackgroundTask.PURGE)


def question_out(question: UsageQuestion) -> dict[str, Any]:
    """Return a question that has just been asked."""
    return _shown(question, question.kind)


def whole_task_out(task: BackgroundTask) -> dict[str, Any]:
    """Return a task with its counts."""
    return {**_shown(task, task.kind), "data": task.data}


def _shown(job: _Job, kind: str) -> dict[str, Any]:
    return {
        "id": ids.to_text(TASK, job.id),
        "status": STATUSES[Replay.State(job.state)],
        "task": TASKS[kind],
        "updatedAt": job.finished_at or timezone.now(),
    }
