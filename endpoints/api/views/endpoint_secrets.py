"""/app/{app_id}/endpoint/{endpoint_id}/secret: what a receiver verifies signatures with."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import rotation
from endpoints.api.acting import actor, refusals
from endpoints.api.scoping import named_endpoint
from endpoints.api.serializers.endpoints import RotateIn, SecretOut
from endpoints.models import Endpoint
from endpoints.principals import ROTATE_SECRET, VIEW_SECRET

TAGS = ["Endpoint"]


class EndpointSecret(APIView):
    # Who knows the secret can sign as the platform, so reading it takes more than `read`.
    scopes = {"GET": VIEW_SECRET}
    #: Finds the endpoint that the path names.
    named: Callable[..., Endpoint] = staticmethod(named_endpoint)

    @extend_schema(operation_id="endpoint_get_secret", tags=TAGS, responses=SecretOut)
    def get(self, request: Request, **path: str) -> Response:
        """Reveal the current secret, of an Ed25519 key the public half; this is recorded."""
        endpoint = self.named(request, **path)
        with refusals():
            material = rotation.reveal(endpoint, actor(request))
        return Response({"key": material.receiver_text})


class EndpointSecretRotation(APIView):
    scopes = {"POST": ROTATE_SECRET}
    #: Finds the endpoint that the path names.
    named: Callable[..., Endpoint] = staticmethod(named_endpoint)

    @extend_schema(
        operation_id="endpoint_rotate_secret",
        tags=TAGS,
        request=RotateIn,
        responses={200: SecretOut},
    )
    def post(self, request: Request, **path: str) -> Response:
        """Make another secret the current one; the last one signs too until its overlap ends."""
        endpoint = self.named(request, **path)
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
