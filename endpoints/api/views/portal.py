"""/auth: links and tokens for the app portal, and their end."""

from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import portal, tenants
from endpoints.api.acting import actor, refusals
from endpoints.api.authentication import caller
from endpoints.api.scoping import get_tenant
from endpoints.api.serializers.portal import (
    ExpireAllIn,
    OneTimeTokenIn,
    OneTimeTokenOut,
    PortalAccessIn,
    PortalAccessOut,
)
from endpoints.models import Tenant
from endpoints.principals import Principal
from webhooks_platform.api.errors import ApiError, FieldError, forbidden
from webhooks_platform.lib import ids

TAGS = ["Authentication"]
#: The page that exchanges the code. In the fragment it reaches no server, proxy, log or Referer.
LINK = "/portal#code="


class PortalAccess(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="authentication_app_portal_access",
        tags=TAGS,
        request=PortalAccessIn,
        responses={200: PortalAccessOut},
    )
    def post(self, request: Request, app_id: str) -> Response:
        """Make a link to the app portal of an application, and a token for it.

        `application` creates the application if there is none of that uid.
        """
        body = PortalAccessIn(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        tenant = _tenant(request, app_id, wanted["application"])
        access = _access(caller(request), wanted)
        code, token = portal.give_access(tenant, access, actor=actor(request))
        url = settings.ENVIRONMENT.WEBHOOKS_PUBLIC_URL.rstrip("/") + LINK + code
        return Response({"url": url, "token": token}, headers={"Cache-Control": "no-store"})


class DashboardAccess(PortalAccess):
    @extend_schema(
        operation_id="authentication_dashboard_access",
        tags=TAGS,
        request=PortalAccessIn,
        responses={200: PortalAccessOut},
        deprecated=True,
    )
    def post(self, request: Request, app_id: str) -> Response:
        """As app-portal-access, by its older name."""
        return super().post(request, app_id)


class ExpireAll(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="authentication_expire_all",
        tags=TAGS,
        request=ExpireAllIn,
        responses={204: None},
    )
    def post(self, request: Request, app_id: str) -> Response:
        """End the portal tokens and links of an application, or of sessions; within 5 seconds."""
        tenant = get_tenant(caller(request), app_id)
        body = ExpireAllIn(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        portal.expire_all(
            tenant,
            seconds=wanted["expiry"],
            session_ids=wanted["sessionIds"],
            actor=actor(request),
        )
        return Response(status=204)


class Logout(APIView):
    scopes = {"POST": None}

    @extend_schema(
        operation_id="authentication_logout", tags=TAGS, request=None, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """End the portal token that makes this request; other keys and tokens cannot do it."""
        if not portal.log_out(caller(request).key_id, actor=actor(request)):
            raise forbidden("Only a token of the app portal can be logged out.")
        return Response(status=204)


class OneTimeToken(APIView):
    authentication_classes = ()
    scopes = {"POST": None}

    @extend_schema(
        operation_id="authentication_exchange_one_time_token",
        tags=TAGS,
        request=OneTimeTokenIn,
        responses={200: OneTimeTokenOut},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Exchange the code of a portal link, which is good once, for a token."""
        body = OneTimeTokenIn(data=request.data)
        body.is_valid(raise_exception=True)
        opened = portal.exchange(body.validated_data["oneTimeToken"])
        if opened is None:
            detail = "The link was used, or is too old; ask for another one."
            raise ApiError(401, "authentication_failed", detail)
        shown = {
            "token": opened.token,
            "appId": ids.to_text(ids.TENANT, opened.tenant_id),
            "expiresAt": opened.expires_at,
        }
        return Response(shown, headers={"Cache-Control": "no-store"})


def _access(principal: Principal, wanted: dict[str, Any]) -> portal.Access:
    """Return what is asked for, within what the caller holds: no key makes one that lasts longer.

    `readOnly` leaves nothing but the basic view, whatever capabilities are named.
    """
    expires_at = timezone.now() + timedelta(seconds=wanted["expiry"])
    asked = wanted["capabilities"] or portal.Capability.values
    if wanted["readOnly"]:
        asked = [portal.Capability.VIEW_BASE.value]
    return portal.Access(
        expires_at=min(expires_at, principal.expires_at or expires_at),
        capabilities=sorted(set(asked)),
        feature_flags=list(dict.fromkeys(wanted["featureFlags"])),
        session_id=wanted["sessionId"],
    )


def _tenant(request: Request, app_id: str, application: dict[str, Any] | None) -> Tenant:
    try:
        return get_tenant(caller(request), app_id)
    except ApiError:
        if application is None:
            raise
    if application["uid"] != app_id:
        message = "The uid is needed, and is the one in the path."
        kind = "application_uid_mismatch" if application["uid"] else "application_uid_missing"
        raise FieldError.at("body", "application", "uid", message=message, kind=kind)
    with refusals("An application with that id or uid already exists"):
        values = cast(tenants.TenantValues, application)
        return tenants.create(caller(request).organization_id, values, actor=actor(request))
