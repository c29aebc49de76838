"""/api-key: the organization's keys, and those of its applications."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import key_issuing
from endpoints.api.acting import actor
from endpoints.api.authentication import caller
from endpoints.api.between import AFTER, BEFORE, read_between
from endpoints.api.scoping import get_tenant, id_of
from endpoints.api.serializers.api_keys import ApiKeyIn, ApiKeyOut, NewApiKeyOut
from endpoints.api.serializers.pages import ITERATOR, LIMIT, ORDER, page_of
from endpoints.models import ApiKey, Organization, Tenant
from endpoints.principals import Principal
from webhooks_platform.api.errors import ApiError, FieldError, fault, not_found
from webhooks_platform.api.pagination import id_key, paginate
from webhooks_platform.lib import ids

KEY = id_key(ids.API_KEY)
TAGS = ["API keys"]


class ApiKeys(APIView):
    scopes = {"GET": "manage", "POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="api_key_list",
        tags=TAGS,
        parameters=[LIMIT, ITERATOR, ORDER, BEFORE, AFTER],
        responses=page_of(ApiKeyOut),
    )
    def get(self, request: Request) -> Response:
        """List the keys that have not been deleted, newest first; never their texts."""
        query = request.query_params
        rows = ApiKey.objects.filter(
            organization_id=caller(request).organization_id, portal=None, revoked_at=None
        )
        page = paginate(query, read_between(query, rows), KEY)
        return Response(page.body(list(ApiKeyOut(page.rows, many=True).data)))

    @extend_schema(
        operation_id="api_key_create",
        tags=TAGS,
        request=ApiKeyIn,
        responses={201: NewApiKeyOut},
    )
    def post(self, request: Request) -> Response:
        """Create a key; its text is in this answer and nowhere else.

        A key can grant only what it holds: scopes, and time. Made by a key that expires, it expires
        with that one unless `expiresAt` is earlier.
        """
        principal = caller(request)
        body = ApiKeyIn(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        _check_grant(principal, wanted)
        row, text = key_issuing.issue(
            Organization.objects.get(id=principal.organization_id),
            name=wanted["name"],
            scopes=wanted["scopes"],
            tenant=_tenant(principal, wanted["appId"]),
            expires_at=wanted["expiresAt"] or principal.expires_at,
            actor=actor(request),
        )
        return Response({**ApiKeyOut(row).data, "key": text}, status=201)


class OneApiKey(APIView):
    scopes = {"DELETE": "manage"}
    organization_methods = True

    @extend_schema(operation_id="api_key_delete", tags=TAGS, responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        """Delete a key; it is refused everywhere within 5 seconds."""
        wanted = id_of(ids.API_KEY, key_id)
        rows = ApiKey.objects.filter(
            organization_id=caller(request).organization_id, portal=None, revoked_at=None
        )
        key = rows.filter(id=wanted).first() if wanted else None
        if key is None:
            raise not_found()
        key_issuing.revoke(key, actor=actor(request))
        return Response(status=204)


def _check_grant(principal: Principal, wanted: dict[str, Any]) -> None:
    """Raise the 422 for what the caller does not hold: no key makes one that can do more."""
    message = "Your key does not hold this scope, so it cannot grant it."
    faults = [
        fault(("body", "scopes", index), message)
        for index, scope in enumerate(wanted["scopes"])
        if not principal.allows(scope)
    ]
    own, asked = principal.expires_at, wanted["expiresAt"]
    if own is not None and asked is not None and asked > own:
        faults.append(fault(("body", "expiresAt"), "Must not be later than your own key's end."))
    if faults:
        raise FieldError(faults)


def _tenant(principal: Principal, app_id: str | None) -> Tenant | None:
    if app_id is None:
        return None
    try:
        return get_tenant(principal, app_id)
    except ApiError:
        message = "There is no such application."
        raise FieldError.at("body", "appId", message=message) from None
