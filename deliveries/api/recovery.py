"""svix's ways to deliver an endpoint's messages again: replay jobs, seen as background tasks."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import replay
from deliveries.api import schemas
from deliveries.api.background_task_out import TASKS, task_out
from deliveries.api.lookups import tenant_of
from deliveries.api.message_options import TAG_RULE, is_tag
from deliveries.api.serializers import StatusCodeClass, Wanted, WindowIn
from deliveries.api.wire_status import SELECTED, WireStatus
from deliveries.models import Replay
from deliveries.selection import Selection
from endpoints.api.acting import actor
from endpoints.api.scoping import get_endpoint
from endpoints.api.serializers.fields import Moment, Name, Text, WholeNumber
from webhooks_platform.api.errors import FieldError

TAGS = ["Endpoint"]
#: svix's limit, with its five minutes for clocks.
LONGEST = timedelta(days=14, minutes=5)


class SinceIn(WindowIn):
    since = Moment()


class Tag(Text):
    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not is_tag(text):
            raise serializers.ValidationError(TAG_RULE)
        return text


class BulkReplayIn(SinceIn):
    eventTypes = Wanted(child=Name())  # noqa: N815 - the wire's names.
    channel = Name(allow_null=True, default=None)
    tag = Tag(allow_null=True, default=None)
    status = WholeNumber(
        min_value=WireStatus.SUCCESS, max_value=WireStatus.CANCELED, allow_null=True, default=None
    )
    statusCodeClass = StatusCodeClass(allow_null=True, default=None)  # noqa: N815


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
            "tags": (wanted["tag"],) if wanted["tag"] else (),
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
