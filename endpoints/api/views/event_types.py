"""/event-type: the catalogue of an organization. A tenant's key sees what no flag hides."""

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import event_types
from endpoints.api.acting import actor, flag, refusals
from endpoints.api.authentication import caller
from endpoints.api.serializers.event_types import EventTypeIn, EventTypeOut, EventTypeUpdate
from endpoints.api.serializers.fields import NAME, NAME_MAX
from endpoints.api.serializers.pages import ITERATOR, LIMIT, flag_parameter, page_of
from endpoints.event_types import EventTypeExistsError
from endpoints.models import EventType as EventTypeRow
from webhooks_platform.api.errors import conflict, not_found
from webhooks_platform.api.pagination import name_key, paginate

TAGS = ["Event Type"]


class EventTypes(APIView):
    scopes = {"GET": "read", "POST": "manage"}
    organization_methods = ("POST",)

    @extend_schema(
        operation_id="event_type_list",
        tags=TAGS,
        parameters=[
            LIMIT,
            ITERATOR,
            flag_parameter("include_archived", "Those in the archive too."),
            flag_parameter("with_content", "With schemas."),
        ],
        responses=page_of(EventTypeOut),
    )
    def get(self, request: Request) -> Response:
        """List by name; `with_content` shows schemas, `include_archived` those in the archive."""
        rows, query = _visible(request), request.query_params
        if not flag(query, "include_archived"):
            rows = rows.filter(archived=False)
        page = paginate(query, rows, name_key("name"), default_order="ascending", fixed_order=True)
        shown = list(EventTypeOut(page.rows, many=True).data)
        if not flag(query, "with_content"):
            shown = [{**row, "schemas": None} for row in shown]
        return Response(page.body(shown))

    @extend_schema(
        operation_id="event_type_create",
        tags=TAGS,
        request=EventTypeIn,
        responses={201: EventTypeOut},
    )
    def post(self, request: Request) -> Response:
        """Create an event type, or take one out of the archive."""
        body = EventTypeIn(data=request.data)
        body.is_valid(raise_exception=True)
        return _create(request, body.validated_data.pop("name"), body)


class EventType(APIView):
    scopes = {"GET": "read", "PUT": "manage", "PATCH": "manage", "DELETE": "manage"}
    organization_methods = ("PUT", "PATCH", "DELETE")

    @extend_schema(operation_id="event_type_get", tags=TAGS, responses=EventTypeOut)
    def get(self, request: Request, name: str) -> Response:
        """Show an event type with its schemas."""
        return Response(EventTypeOut(_get(request, name)).data)

    @extend_schema(
        operation_id="event_type_upsert",
        tags=TAGS,
        request=EventTypeUpdate,
        responses={200: EventTypeOut, 201: EventTypeOut},
    )
    def put(self, request: Request, name: str) -> Response:
        """Replace an event type, or create one of the path's name."""
        if len(name) > NAME_MAX or not NAME.fullmatch(name):
            raise not_found()
        event_type = _visible(request).filter(name=name).first()
        body = EventTypeUpdate(data=request.data)
        body.is_valid(raise_exception=True)
        return _update(request, event_type, body) if event_type else _create(request, name, body)

    @extend_schema(
        operation_id="event_type_patch",
        tags=TAGS,
        request=EventTypeUpdate(partial=True),
        responses=EventTypeOut,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change an event type; what is left out stays."""
        event_type = _get(request, name)
        body = EventTypeUpdate(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        return _update(request, event_type, body)

    @extend_schema(
        operation_id="event_type_delete",
        tags=TAGS,
        parameters=[flag_parameter("expunge", "Remove it for good.")],
        responses={204: None},
    )
    def delete(self, request: Request, name: str) -> Response:
        """Archive an event type, or with `expunge=true` remove it for good."""
        event_type, by = _get(request, name), actor(request)
        with refusals():
            if flag(request.query_params, "expunge"):
                event_types.expunge(event_type, actor=by)
            else:
                event_types.update(event_type, {"archived": True}, actor=by)
        return Response(status=204)


def _visible(request: Request) -> QuerySet[EventTypeRow]:
    rows = EventTypeRow.objects.filter(organization_id=caller(request).organization_id)
    principal = caller(request)
    if principal.is_platform:
        return rows
    flags = list(principal.feature_flags)
    return rows.filter(Q(feature_flags=[]) | Q(feature_flags__overlap=flags))


def _get(request: Request, name: str) -> EventTypeRow:
    row = None if "\x00" in name else _visible(request).filter(name=name).first()
    if row is None:
        raise not_found()
    return row


def _create(request: Request, name: str, body: EventTypeUpdate) -> Response:
    organization_id = caller(request).organization_id
    try:
        created = event_types.create(
            organization_id, name, body.validated_data, actor=actor(request)
        )
    except EventTypeExistsError:
        message = "An event_type with this name already exists"
        raise conflict(message, "event_type_exists") from None
    return Response(EventTypeOut(created).data, status=201)


def _update(request: Request, event_type: EventTypeRow, body: EventTypeUpdate) -> Response:
    with refusals():
        updated = event_types.update(event_type, body.validated_data, actor=actor(request))
    return Response(EventTypeOut(updated).data)
