"""/background-task: replay jobs, purges and questions about usage of an organization."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries.api import schemas
from deliveries.api.background_task_out import STATUSES, TASK, TASKS, whole_task_out
from deliveries.models import BackgroundTask
from endpoints.api.authentication import caller
from endpoints.api.between import read_between
from endpoints.api.scoping import id_of
from endpoints.api.serializers.pages import ORDER
from webhooks_platform.api.errors import not_found
from webhooks_platform.api.pagination import id_key, paginate

KEY = id_key(TASK)


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
            schemas.parameter("task", str, "endpoint.recover, endpoint.replay, …"),
        ],
        responses=schemas.page_of(schemas.TaskOut),
    )
    def get(self, request: Request) -> Response:
        """List replay jobs, purges and questions about usage, newest first."""
        query = request.query_params
        rows = BackgroundTask.objects.filter(
            organization_id=caller(request).organization_id,
            kind__in=_keys(TASKS, query.get("task")),
            state__in=_keys(STATUSES, query.get("status")),
        )
        page = paginate(query, read_between(query, rows), KEY)
        return Response(page.body([whole_task_out(task) for task in page.rows]))


class OneBackgroundTask(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="background_task_get", tags=["Background task"], responses=schemas.TaskOut
    )
    def get(self, request: Request, task_id: str) -> Response:
        """Show a replay job, a purge or a question about usage."""
        principal, wanted = caller(request), id_of(TASK, task_id)
        rows = BackgroundTask.objects.filter(organization_id=principal.organization_id)
        if principal.tenant_id is not None:
            rows = rows.filter(tenant_id=principal.tenant_id)
        task = rows.filter(id=wanted, kind__in=TASKS).first() if wanted else None
        if task is None:
            raise not_found()
        return Response(whole_task_out(task))


def _keys(names: dict[Any, str], wanted: str | None) -> list[Any]:
    """Return what is shown by the name `wanted`; all of it without a name."""
    return [key for key, name in names.items() if not wanted or name == wanted]
