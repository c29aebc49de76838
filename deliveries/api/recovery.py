"""svix's ways to deliver an endpoint's messages again: replay jobs, seen as background tasks."""

from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import replay
from deliveries.api import schemas, usage
from deliveries.api.lookups import tenant_of
from deliveries.api.serializers import StatusCodeClass, Wanted, WindowIn
from deliveries.api.wire_status import SELECTED, WireStatus
from deliveries.models import Replay
from deliveries.selection import Selection
from endpoints.api.acting import actor
from endpoints.api.authentication import caller
from endpoints.api.between import read_between
from endpoints.api.scoping import get_endpoint, id_of
from endpoints.api.serializers.fields import Moment, Name, WholeNumber
from endpoints.api.serializers.pages import ORDER
from endpoints.background_tasks import BackgroundTask as BackgroundTaskRow
from endpoints.principals import Principal
from webhooks_platform.api.errors import FieldError, not_found
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

TASK: Final = "qtask_"
KEY = id_key(TASK)
TAGS = ["Endpoint"]
#: svix's limit, with its five minutes for clocks.
LONGEST = timedelta(days=14, minutes=5)

TASKS: Final = {
    Replay.Source.DEAD_LETTER: "endpoint.recover",
    Replay.Source.FAILED: "endpoint.recover",
    Replay.Source.MISSING: "endpoint.replay",
    Replay.Source.ALL: "endpoint.bulk-replay",
}
#: svix knows three states.
STATUSES: Final = {
    Replay.State.RUNNING: "running",
    Replay.State.PAUSED: "running",
    Replay.State.FINISHED: "finished",
    Replay.State.CANCELLED: "failed",
    Replay.State.FAILED: "failed",
}


class SinceIn(WindowIn):
    since = Moment()


class BulkReplayIn(SinceIn):
    eventTypes = Wanted(child=Name())  # noqa: N815 - the wire's names.
    channel = Name(allow_null=True, default=None)
    status = WholeNumber(
        min_value=WireStatus.SUCCESS, max_value=WireStatus.CANCELED, allow_null=True, default=None
    )
    statusCodeClass = StatusCodeClass(allow_null=True, default=None)  # noqa: N815


def task_out(job: Replay, *, with_data: bool = False) -> dict[str, Any]:
    """Return a job as svix shows a background task."""
    counts = {
        "total": job.total,
        "queued": job.queued,
        "delivered": job.delivered,
        "failed": job.failed,
    }
    return {
        "id": ids.to_text(TASK, job.id),
        "status": STATUSES[Replay.State(job.state)],
        "task": TASKS[Replay.Source(job.source)],
        "updatedAt": job.finished_at or timezone.now(),
        **({"data": counts} if with_data else {}),
    }


class Recovery(APIView):
    """Starts a job over one endpoint's deliveries."""

    scopes = {"POST": "replay"}
    source = Replay.Source.FAILED
    body: type[SinceIn] = SinceIn

    def post(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        tenant = tenant_of(request, app_id)
        endpoint = get_endpoint(tenant, endpoint_id)
        wanted = self.body.read(request)
        self.check(wanted)
        if endpoint.disabled_at is not None:
            message = "The endpoint is disabled; enable it first."
            raise FieldError.at("path", "endpoint_id", message=message, kind="endpoint_disabled")
        selection = Selection(
            source=self.source,
            endpoint_ids=(endpoint.id,),
            since=wanted["since"],
            until=wanted["until"],
            **self.more(wanted),
        )
        job = replay.start(tenant, selection, note=self.note, actor=actor(request))
        return Response(task_out(job), status=202)

    @property
    def note(self) -> str:
        return f"{TASKS[self.source]} through the API"

    def check(self, wanted: dict[str, Any]) -> None:
        """Raise the 422 for a window that is not allowed."""

    def more(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of the selection that only this route takes."""
        return {}


class Recover(Recovery):
    def check(self, wanted: dict[str, Any]) -> None:
        if (wanted["until"] or timezone.now()) - wanted["since"] > LONGEST:
            message = "Must be at most 14 days before `until`, or before now."
            raise FieldError.at("body", "since", message=message)

    @extend_schema(
        operation_id="endpoint_recover",
        tags=TAGS,
        request=SinceIn,
        responses={202: schemas.TaskOut},
    )
    def post(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Deliver again what failed at the endpoint and waits for nothing."""
        return super().post(request, app_id, endpoint_id)


class ReplayMissing(Recovery):
    source = Replay.Source.MISSING

    @extend_schema(
        operation_id="endpoint_replay_missing",
        tags=TAGS,
        request=SinceIn,
        responses={202: schemas.TaskOut},
    )
    def post(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Deliver what was never attempted at the endpoint, parked messages included."""
        return super().post(request, app_id, endpoint_id)


class BulkReplay(Recovery):
    source = Replay.Source.ALL
    body = BulkReplayIn

    def more(self, wanted: dict[str, Any]) -> dict[str, Any]:
        status = wanted["status"]
        return {
            "event_types": tuple(wanted["eventTypes"] or ()),
            "channels": (wanted["channel"],) if wanted["channel"] else (),
            "status_code_class": wanted["statusCodeClass"],
            "statuses": () if status is None else _statuses(WireStatus(status)),
        }

    @extend_schema(
        operation_id="endpoint_bulk_replay",
        tags=TAGS,
        request=BulkReplayIn,
        responses={202: schemas.TaskOut},
    )
    def post(self, request: Request, app_id: str, endpoint_id: str) -> Response:
        """Deliver the endpoint's messages again, delivered ones too."""
        return super().post(request, app_id, endpoint_id)


def _statuses(status: WireStatus) -> tuple[int, ...]:
    """Return the deliveries with that status; none has one that selects nothing."""
    return tuple(SELECTED[status]) or (-1,)


class BackgroundTasks(APIView):
    scopes = {"GET": "read"}
    organization_methods = True

    @extend_schema(
        operation_id="background_task_list",
        tags=["Background task"],
        parameters=[
            *schemas.PAGE,
            ORDER,
            schemas.parameter("status", str, "running, finished or failed."),
            schemas.parameter("task", str, "endpoint.recover, application.stats, …"),
        ],
        responses=schemas.page_of(schemas.TaskOut),
    )
    def get(self, request: Request) -> Response:
        """List replay jobs of all applications as svix' background tasks, newest first.

        With `task` application.stats or event-type.aggregate, those instead.
        """
        query = request.query_params
        if query.get("task") in BackgroundTaskRow.Kind.values:
            return _page_of_questions(request)
        rows = Replay.objects.filter(
            organization_id=caller(request).organization_id,
            source__in=_keys(TASKS, query.get("task")),
            state__in=_keys(STATUSES, query.get("status")),
        )
        page = paginate(query, read_between(query, rows), KEY)
        return Response(page.body([task_out(job, with_data=True) for job in page.rows]))


class BackgroundTask(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="background_task_get", tags=["Background task"], responses=schemas.TaskOut
    )
    def get(self, request: Request, task_id: str) -> Response:
        """Show a replay job, or a question about usage, as a background task."""
        principal, wanted = caller(request), id_of(TASK, task_id)
        question = _questions(principal).filter(id=wanted).first() if wanted else None
        if question is not None:
            return Response(usage.task_out(question, with_data=True))
        rows = Replay.objects.filter(organization_id=principal.organization_id)
        if principal.tenant_id is not None:
            rows = rows.filter(tenant_id=principal.tenant_id)
        jobs = rows.exclude(source=Replay.Source.RESEND)
        job = jobs.filter(id=wanted).first() if wanted else None
        if job is None:
            raise not_found()
        return Response(task_out(job, with_data=True))


def _page_of_questions(request: Request) -> Response:
    query = request.query_params
    rows = _questions(caller(request)).filter(kind=query["task"])
    if query.get("status"):
        rows = rows.filter(state=query["status"])
    page = paginate(query, read_between(query, rows), KEY)
    return Response(page.body([usage.task_out(task, with_data=True) for task in page.rows]))


def _questions(principal: Principal) -> QuerySet[BackgroundTaskRow]:
    """Return what was asked about the caller's organization; a tenant's key asks nothing."""
    rows = BackgroundTaskRow.objects.filter(organization_id=principal.organization_id)
    return rows if principal.is_platform else rows.none()


def _keys(names: dict[Any, str], wanted: str | None) -> list[Any]:
    """Return what is shown by the name `wanted`; all of it without a name."""
    return [key for key, name in names.items() if not wanted or name == wanted]
