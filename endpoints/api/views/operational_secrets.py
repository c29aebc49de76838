"""Headers and secrets of operational endpoints, as those of any endpoint."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import custom_headers, lifecycle, rotation
from endpoints.api.acting import actor, refusals
from endpoints.api.serializers.endpoints import (
    HeadersIn,
    HeadersOut,
    HeadersPatch,
    RotateIn,
    SecretOut,
)
from endpoints.api.views.operational import TAGS, get_operational


class OperationalHeaders(APIView):
    scopes = {"GET": "read", "PUT": "manage", "PATCH": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="operational_webhook_endpoint_get_headers", tags=TAGS, responses=HeadersOut
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Show the headers; of those that carry credentials the names only."""
        endpoint = get_operational(request, endpoint_id)
        with refusals():
            headers = custom_headers.opened(endpoint)
        shown, sensitive = custom_headers.split_sensitive(headers)
        return Response({"headers": shown, "sensitive": sensitive})

    @extend_schema(
        operation_id="operational_webhook_endpoint_set_headers",
        tags=TAGS,
        request=HeadersIn,
        responses={204: None},
    )
    def put(self, request: Request, endpoint_id: str) -> Response:
        """Replace all headers."""
        endpoint = get_operational(request, endpoint_id)
        body = HeadersIn(data=request.data)
        body.is_valid(raise_exception=True)
        headers = list(body.validated_data["headers"].items())
        with refusals():
            lifecycle.replace_headers(endpoint, headers, actor=actor(request))
        return Response(status=204)

    @extend_schema(
        operation_id="operational_webhook_endpoint_patch_headers",
        tags=TAGS,
        request=HeadersPatch,
        responses={204: None},
    )
    def patch(self, request: Request, endpoint_id: str) -> Response:
        """Set and remove some headers; null and `deleteHeaders` both remove."""
        endpoint = get_operational(request, endpoint_id)
        body = HeadersPatch(data=request.data)
        body.is_valid(raise_exception=True)
        with refusals():
            lifecycle.patch_headers(endpoint, *body.changes(), actor=actor(request))
        return Response(status=204)


class OperationalSecret(APIView):
    # As for any endpoint: who knows the secret can sign as the platform.
    scopes = {"GET": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="operational_webhook_endpoint_get_secret", tags=TAGS, responses=SecretOut
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Reveal the current secret, of an Ed25519 key the public half; this is recorded."""
        endpoint = get_operational(request, endpoint_id)
        with refusals():
            material = rotation.reveal(endpoint, actor(request))
        return Response({"key": material.receiver_text})


class OperationalSecretRotation(APIView):
    scopes = {"POST": "manage"}
    organization_methods = True

    @extend_schema(
        operation_id="operational_webhook_endpoint_rotate_secret",
        tags=TAGS,
        request=RotateIn,
        responses={200: SecretOut},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Make another secret the current one; the last one signs too until its overlap ends."""
        endpoint = get_operational(request, endpoint_id)
        body = RotateIn(data=request.data)
        body.is_valid(raise_exception=True)
        with refusals():
            material = rotation.rotate(
                endpoint,
                key=body.validated_data["key"],
                grace_seconds=body.validated_data["gracePeriodSeconds"],
                actor=actor(request),
            )
        return Response({"key": material.receiver_text})
