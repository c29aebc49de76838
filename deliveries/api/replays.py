"""Replay jobs: many deliveries again, previewed, paced, paused, resumed and cancelled."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import replay
from deliveries.api import schemas
from deliveries.api.lookups import get_replay, tenant_of
from deliveries.api.refusing import refusals
from deliveries.api.replay_out import preview_out, replay_out
from deliveries.api.serializers import ReplayIn
from deliveries.models import Replay
from deliveries.selection import Selection
from endpoints.api.acting import actor
from endpoints.api.between import read_between
from endpoints.api.scoping import get_endpoint
from endpoints.api.serializers.pages import ORDER
from endpoints.models import Tenant
from webhooks_platform.api.errors import ApiError, FieldError, fault
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

KEY = id_key(ids.REPLAY)
TAGS = ["Replays"]


class Replays(APIView):
    scopes = {"GET": "read", "POST": "replay"}

    @extend_schema(
        operation_id="replay_list",
        tags=TAGS,
        parameters=[*schemas.PAGE, ORDER],
        responses=schemas.page_of(schemas.ReplayOut),
    )
    def get(self, request: Request, app_id: str) -> Response:
        """List an application's replay jobs, newest first; single resends are left out."""
        tenant, query = tenant_of(request, app_id), request.query_params
        rows = Replay.objects.filter(tenant_id=tenant.id).exclude(source=Replay.Source.RESEND)
        page = paginate(query, read_between(query, rows), KEY)
        return Response(page.body([replay_out(job) for job in page.rows]))

    @extend_schema(
        operation_id="replay_create",
        tags=TAGS,
        request=ReplayIn,
        responses={202: schemas.ReplayOut, 200: schemas.ReplayOut},
    )
    def post(self, request: Request, app_id: str) -> Response:
        """Start a job, or with `dryRun` only count what it would deliver."""
        tenant, wanted = tenant_of(request, app_id), ReplayIn.read(request)
        selection = _selection(tenant, wanted)
        asked: dict[str, Any] = {
            "note": wanted["note"],
            "rate_per_second": wanted["ratePerSecond"],
        }
        who = actor(request)
        if wanted["dryRun"]:
            found = replay.preview(tenant, selection)
            return Response(preview_out(tenant, selection, found, actor=who.name, **asked))
        return Response(replay_out(replay.start(tenant, selection, actor=who, **asked)), status=202)


class OneReplay(APIView):
    scopes = {"GET": "read"}

    @extend_schema(operation_id="replay_get", tags=TAGS, responses=schemas.ReplayOut)
    def get(self, request: Request, app_id: str, replay_id: str) -> Response:
        """Show a job and its progress; total = delivered + failed + remaining."""
        return Response(replay_out(get_replay(tenant_of(request, app_id), replay_id)))


class ReplayChange(APIView):
    scopes = {"POST": "replay"}
    #: One of replay.ACTIONS.
    change = ""

    def post(self, request: Request, app_id: str, replay_id: str) -> Response:
        job = get_replay(tenant_of(request, app_id), replay_id)
        with refusals("replay_id"):
            changed = replay.change(job, self.change, actor=actor(request))
        return Response(replay_out(changed))


def _described(view: type[ReplayChange], summary: str) -> type[ReplayChange]:
    described = extend_schema_view(
        post=extend_schema(
            operation_id=f"replay_{view.change}",
            tags=TAGS,
            summary=summary,
            description=f"{summary}; what is queued already is still sent.",
            request=None,
            responses=schemas.ReplayOut,
        )
    )
    changed: type[ReplayChange] = described(view)
    return changed


#: By the last part of their paths.
CHANGES = {
    action: _described(type(f"{action.title()}Replay", (ReplayChange,), {"change": action}), text)
    for action, text in (
        ("pause", "Pause a job"),
        ("resume", "Resume a paused job"),
        ("cancel", "Cancel a job"),
    )
}


def _selection(tenant: Tenant, wanted: dict[str, Any]) -> Selection:
    return Selection(
        source=wanted["source"],
        endpoint_ids=_endpoints(tenant, wanted["endpointIds"] or []),
        event_types=tuple(wanted["eventTypes"] or ()),
        channels=tuple(wanted["channels"] or ()),
        reasons=tuple(wanted["reasons"] or ()),
        status_code_class=wanted["statusCodeClass"],
        since=wanted["since"],
        until=wanted["until"],
    )


def _endpoints(tenant: Tenant, names: list[str]) -> tuple[UUID, ...]:
    """Return the endpoints by id or uid; raise the 422 that names those that do not exist."""
    found, faults = [], []
    for index, name in enumerate(names):
        try:
            found.append(get_endpoint(tenant, name).id)
        except ApiError:
            faults.append(fault(("body", "endpointIds", index), "There is no such endpoint."))
    if faults:
        raise FieldError(faults)
    return tuple(dict.fromkeys(found))
