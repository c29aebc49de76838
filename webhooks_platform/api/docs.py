"""The OpenAPI document and its pages: `/api/v1/openapi.json`, `/docs`."""

import functools
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from webhooks_platform.api.rendering import to_json
from webhooks_platform.lib.idempotency import MAX_LENGTH

_METHODS = ("get", "post", "put", "patch", "delete")
#: What any operation may answer; 422 has a body of its own.
_ERRORS = {
    "401": "No valid key.",
    "403": "The key lacks the scope.",
    "404": "There is no such object, or it is not this key's.",
    "409": "Conflict with what exists, or with an earlier use of the idempotency key.",
    "413": "The body is too large.",
    "503": "Overloaded or without database; try again after `Retry-After` seconds.",
}
_BODY_ERRORS = ("409", "413")

_COMPONENTS: dict[str, Any] = {
    "HttpError": {
        "type": "object",
        "required": ["code", "detail"],
        "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
    },
    "HttpValidationError": {
        "type": "object",
        "required": ["detail"],
        "properties": {
            "detail": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["loc", "msg", "type"],
                    "properties": {
                        "loc": {"type": "array", "items": {"type": "string"}},
                        "msg": {"type": "string"},
                        "type": {"type": "string"},
                    },
                },
            }
        },
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat with the same key and request gets the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH},
}


class BearerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "endpoints.api.authentication.BearerKeyAuthentication"
    name = "bearerKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every operation what all of them have; named in SPECTACULAR_SETTINGS."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(_COMPONENTS)
    for method, operation in _operations(result):
        responses = operation.setdefault("responses", {})
        for status, text in _ERRORS.items():
            if method != "get" or status not in _BODY_ERRORS:
                responses.setdefault(status, _response(text, "HttpError"))
        responses.setdefault("422", _response("Not valid.", "HttpValidationError"))
        if method == "post":
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    return result


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in schema["paths"].values():
        for method in _METHODS:
            if method in operations:
                yield method, operations[method]


def _response(text: str, name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_document(), content_type="application/json")


@functools.cache
def _document() -> bytes:
    # Making it takes a second of CPU, and nothing in it changes while the process lives.
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    return to_json(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


def root(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/docs", status=307)


urlpatterns = [
    path("", root),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("api/v1/openapi.json", openapi, name="openapi"),
]
