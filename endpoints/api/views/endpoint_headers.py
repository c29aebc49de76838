"""/app/{app_id}/endpoint/{endpoint_id}/headers: what the tenant adds to its deliveries."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from endpoints import custom_headers, lifecycle
from endpoints.api.acting import actor, refusals
from endpoints.api.scoping import named_endpoint
from endpoints.api.serializers.endpoints import HeadersIn, HeadersOut, HeadersPatch
from endpoints.models import Endpoint

TAGS = ["Endpoint"]


class EndpointHeaders(APIView):
    scopes = {"GET": "read", "PUT": "manage", "PATCH": "manage"}
    #: Finds the endpoint that the path names.
    named: Callable[..., Endpoint] = staticmethod(named_endpoint)

    @extend_schema(operation_id="endpoint_get_headers", tags=TAGS, responses=HeadersOut)
    def get(self, request: Request, **path: str) -> Response:
        """Show the headers; of those that carry credentials the names only."""
        endpoint = self.named(request, **path)
        with refusals():
            headers = custom_headers.opened(endpoint)
        shown, sensitive = custom_headers.split_sensitive(headers)
        return Response({"headers": shown, "sensitive": sensitive})

    @extend_schema(
        operation_id="endpoint_set_headers", tags=TAGS, request=HeadersIn, responses={204: None}
    )
    def put(self, request: Request, **path: str) -> Response:
        """Replace all headers; they hold from the next message on."""
        endpoint = self.named(request, **path)
        body = HeadersIn(data=request.data)
        body.is_valid(raise_exception=True)
        headers = list(body.validated_data["headers"].items())
        with refusals():
            lifecycle.replace_headers(endpoint, headers, actor=actor(request))
        return Response(status=204)

    @extend_schema(
        operation_id="endpoint_patch_headers",
        tags=TAGS,
        request=HeadersPatch,
        responses={204: None},
    )
    def patch(self, request: Request, **path: str) -> Response:
        """Set and remove some headers; null and `deleteHeaders` both remove."""
        endpoint = self.named(request, **path)
        body = HeadersPatch(data=request.data)
        body.is_valid(raise_exception=True)
        with refusals():
            lifecycle.patch_headers(endpoint, *body.changes(), actor=actor(request))
        return Response(status=204)
