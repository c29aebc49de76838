"""Dead letters: what was given up on, and deciding on one."""

from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from deliveries import replay
from deliveries.api import schemas
from deliveries.api.lookups import get_letter, tenant_of
from deliveries.api.parameters import read_letter_filter
from deliveries.api.refusing import refusals
from deliveries.api.replay_out import replay_out
from deliveries.api.serializers import DiscardIn, NoteIn
from deliveries.models import DeadLetter
from deliveries.queries import dead_letters, events
from endpoints.api.acting import actor
from endpoints.api.authentication import caller
from endpoints.api.between import read_between
from endpoints.api.scoping import get_tenant
from endpoints.api.serializers.pages import ORDER
from endpoints.models import Endpoint, Tenant
from webhooks_platform.api.bounded_reads import bounded
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

KEY = id_key(ids.DEAD_LETTER)
TAGS = ["Dead letters"]
FILTERS = [*schemas.PAGE, ORDER, *schemas.LETTER_FILTER]
PAGE = schemas.page_of(schemas.DeadLetterOut)


def letters_out(letters: list[DeadLetter]) -> list[dict[str, Any]]:
    """Return letters as the wire shows them, with the names of what they are about."""
    tenants = Tenant.objects.in_bulk({letter.tenant_id for letter in letters})
    endpoints = Endpoint.objects.in_bulk({letter.endpoint_id for letter in letters})
    known = events.by_id({letter.event_id for letter in letters}, with_payload=False)
    return [
        {
            **_letter_out(letter),
            "appUid": _uid(tenants.get(letter.tenant_id)),
            "endpointUid": _uid(endpoints.get(letter.endpoint_id)),
            "eventId": _uid(known.get(letter.event_id)),
        }
        for letter in letters
    ]


def _letter_out(letter: DeadLetter) -> dict[str, Any]:
    last, job = letter.last_attempt_id, letter.replay_id
    return {
        "id": ids.to_text(ids.DEAD_LETTER, letter.id),
        "appId": ids.to_text(ids.TENANT, letter.tenant_id),
        "endpointId": ids.to_text(ids.ENDPOINT, letter.endpoint_id),
        "msgId": ids.to_text(ids.EVENT, letter.event_id),
        "eventType": letter.event_type,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "lastAttemptId": last and ids.to_text(ids.ATTEMPT, last),
        "lastStatusCode": letter.last_status_code,
        "lastError": letter.last_error,
        "createdAt": letter.created_at,
        "decision": letter.decision,
        "decidedAt": letter.decided_at,
        "decidedBy": letter.decided_by,
        "note": letter.note,
        "replayId": job and ids.to_text(ids.REPLAY, job),
    }


def _uid(row: Any) -> str | None:
    return row.uid if row is not None else None


def _page(query: QueryDict, rows: QuerySet[DeadLetter]) -> Response:
    page = paginate(query, read_between(query, rows), KEY)
    return Response(page.body(letters_out(list(page.rows))))


class DeadLettersOfTenant(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="application_dead_letter_list", tags=TAGS, parameters=FILTERS, responses=PAGE
    )
    @bounded
    def get(self, request: Request, app_id: str) -> Response:
        """List an application's dead letters, newest first and the open ones unless asked."""
        tenant, query = tenant_of(request, app_id), request.query_params
        rows = DeadLetter.objects.filter(tenant_id=tenant.id)
        return _page(query, dead_letters.wanted(rows, read_letter_filter(query, tenant)))


class DeadLetters(APIView):
    scopes = {"GET": "read"}
    organization_methods = True

    @extend_schema(
        operation_id="dead_letter_list",
        tags=TAGS,
        parameters=[
            schemas.parameter("app_id", str, "Id or uid of one application."),
            *FILTERS,
        ],
        responses=PAGE,
    )
    @bounded
    def get(self, request: Request) -> Response:
        """List the dead letters of all applications, newest first unless asked."""
        query, principal = request.query_params, caller(request)
        rows = DeadLetter.objects.filter(organization_id=principal.organization_id)
        tenant = None
        if query.get("app_id"):
            tenant = get_tenant(principal, query["app_id"])
            rows = DeadLetter.objects.filter(tenant_id=tenant.id)
        return _page(query, dead_letters.wanted(rows, read_letter_filter(query, tenant)))


class DeadLetterSummary(APIView):
    scopes = {"GET": "read"}

    @extend_schema(
        operation_id="dead_letter_summary",
        tags=TAGS,
        responses=schemas.list_of(schemas.DeadLetterGroup),
    )
    @bounded
    def get(self, request: Request, app_id: str) -> Response:
        """Count an application's open dead letters by what they have in common."""
        rows = DeadLetter.objects.filter(tenant_id=tenant_of(request, app_id).id, decision=None)
        return Response({"data": [_group_out(group) for group in dead_letters.summary(rows)]})


def _group_out(group: dict[str, Any]) -> dict[str, Any]:
    return {
        "endpointId": ids.to_text(ids.ENDPOINT, group["endpoint_id"]),
        "reason": group["reason"],
        "lastStatusCode": group["last_status_code"],
        "eventType": group["event_type"],
        "count": group["count"],
        "oldest": group["oldest"],
        "newest": group["newest"],
    }


class OneDeadLetter(APIView):
    scopes = {"GET": "read"}

    @extend_schema(operation_id="dead_letter_get", tags=TAGS, responses=schemas.DeadLetterOut)
    def get(self, request: Request, app_id: str, letter_id: str) -> Response:
        """Show one dead letter."""
        return Response(letters_out([get_letter(tenant_of(request, app_id), letter_id)])[0])


class ReplayDeadLetter(APIView):
    scopes = {"POST": "replay"}

    @extend_schema(
        operation_id="dead_letter_replay",
        tags=TAGS,
        request=NoteIn,
        responses={202: schemas.ReplayOut},
    )
    def post(self, request: Request, app_id: str, letter_id: str) -> Response:
        """Decide a dead letter by delivering it again, with its schedule anew."""
        tenant = tenant_of(request, app_id)
        letter = get_letter(tenant, letter_id)
        note = NoteIn.read(request)["note"]
        with refusals("letter_id"):
            endpoint = Endpoint.objects.get(id=letter.endpoint_id, tenant=tenant)
            job = replay.replay_letter(letter, endpoint, note=note, actor=actor(request))
        return Response(replay_out(job), status=202)


class DiscardDeadLetter(APIView):
    scopes = {"POST": "replay"}

    @extend_schema(
        operation_id="dead_letter_discard",
        tags=TAGS,
        request=DiscardIn,
        responses=schemas.DeadLetterOut,
    )
    def post(self, request: Request, app_id: str, letter_id: str) -> Response:
        """Decide a dead letter by leaving it undelivered; the note says why."""
        letter = get_letter(tenant_of(request, app_id), letter_id)
        note = DiscardIn.read(request)["note"]
        with refusals("letter_id"):
            decided = replay.discard(letter, note=note, actor=actor(request))
        return Response(letters_out([decided])[0])
