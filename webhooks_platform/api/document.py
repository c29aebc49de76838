"""The OpenAPI document: what views say of themselves, and what all operations have in common."""

import functools
from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from webhooks_platform.api import errors
from webhooks_platform.api.examples import Examples
from webhooks_platform.api.rendering import to_json
from webhooks_platform.lib.idempotency import MAX_LENGTH

_METHODS = ("get", "post", "put", "patch", "delete")
#: What any operation may answer, as an example and in words; 422 has a body of its own.
_ERRORS = {
    "400": (errors.bad_request(), "The request cannot be understood, or a limit is reached."),
    "401": (errors.unauthenticated(), "No valid key."),
    "403": (errors.forbidden(), "The key lacks the scope."),
    "404": (errors.not_found(), "There is no such object, or it is not this key's."),
    "405": (errors.method_not_allowed(), "`Allow` names the methods that there are."),
    "409": (errors.conflict(), "Conflict with what exists, or with an earlier use of the key."),
    "413": (errors.too_large(), "The body is too large."),
    "415": (errors.unsupported_media_type(), "The body is no JSON."),
    "503": (errors.unavailable(), "Overloaded, or no database; try again after `Retry-After` s."),
}
_NOT_OF_GET = ("409",)
#: No operation: it is what a path has none for.
_OF_PATHS = ("405",)
_OF_BODIES = ("415",)

_COMPONENTS: dict[str, Any] = {
    "HttpError": {
        "type": "object",
        "description": "Any error but 422: a code for programs, a sentence for people.",
        "required": ["code", "detail"],
        "properties": {
            "code": {"type": "string", "minLength": 1},
            "detail": {"type": "string", "minLength": 1},
        },
    },
    "HttpValidationError": {
        "type": "object",
        "description": "What is not valid, by its place in the request.",
        "required": ["detail"],
        "properties": {
            "detail": {
                "type": "array",
                "minItems": 1,
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
        "example": {
            "detail": [
                {
                    "loc": ["body", "url"],
                    "msg": "This field is required.",
                    "type": "value_error.required",
                }
            ]
        },
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat with the same key and request gets the first answer again.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LENGTH,
        "pattern": "^[\\x20-\\x7e]+$",
    },
}
_TAGS = {
    "API keys": "Keys of the organization, and of its applications.",
    "Application": "A customer of yours: owns endpoints and messages.",
    "Audit": "Who changed and decided what.",
    "Authentication": "Access to the app portal: links, and tokens for one application.",
    "Background task": "Replay jobs, purges and questions about usage.",
    "Dead letters": "Deliveries given up on, and what is decided about them.",
    "Endpoint": "Receivers of an application, their headers, secrets and statistics.",
    "Event Type": "The organization's catalogue of events, with JSON Schemas.",
    "Health": "Whether the platform works.",
    "Message": "Events: published, read, emptied.",
    "Message Attempt": "Requests made to receivers, and resending.",
    "Operational Webhook Endpoint": "Where the organization hears of its tenants' webhooks.",
    "Replays": "Many deliveries again: previewed, paced, paused, cancelled.",
    "Statistics": "What applications use, worked out in the background.",
}
_PART = {"type": "object", "properties": {"status": {"enum": ["ok", "error"]}}}
_HEALTH = {
    "type": "object",
    "required": ["database", "queue", "cache"],
    "properties": dict.fromkeys(("database", "queue", "cache"), _PART),
}
#: The one operation that is no DRF view.
_HEALTH_GET: dict[str, Any] = {
    "operationId": "health_get",
    "summary": "Ask for the platform's health",
    "description": "Says whether database, migrations and Redis answer; takes no key.",
    "tags": ["Health"],
    "security": [],
    "responses": {
        status: {"description": text, "content": {"application/json": {"schema": _HEALTH}}}
        for status, text in (("200", "All is well."), ("500", "A part does not answer."))
    }
    | {"405": {"$ref": "#/components/responses/Error405"}},
}


class BearerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "endpoints.api.authentication.BearerKeyAuthentication"
    name = "bearerKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key, or a JWT."}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every operation what all of them have; named in SPECTACULAR_SETTINGS."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(_COMPONENTS)
    result["components"]["responses"] = _errors()
    for path, method, operation in _operations(result):
        _summarise(operation)
        _add_errors(method, operation)
        operation.setdefault("security", [])
        if method == "post":
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        _describe_parameters(path, operation)
    result["paths"]["/api/v1/health"] = {"get": _HEALTH_GET}
    _add_examples(result, Examples(schemas))
    used = {tag for _, _, operation in _operations(result) for tag in operation["tags"]}
    result["tags"] = [_tag(name) for name in sorted(used)]
    return result


def _tag(name: str) -> dict[str, str]:
    return {"name": name, "description": _TAGS.get(name, f"{name}: see the operations.")}


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in schema["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield path, method, operations[method]


def _summarise(operation: dict[str, Any]) -> None:
    """Let the first sentence of a description be the summary, up to what it adds."""
    text = " ".join(operation.get("description", "").split("\n\n")[0].split())
    operation.setdefault("summary", text.partition(". ")[0].partition(";")[0].rstrip("."))


def _add_errors(method: str, operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    left_out = (*_OF_PATHS, *(_NOT_OF_GET if method == "get" else ()))
    if "requestBody" not in operation:
        left_out = (*left_out, *_OF_BODIES)
    for status in sorted({*_ERRORS, "422"} - {*left_out}):
        responses.setdefault(status, {"$ref": f"#/components/responses/Error{status}"})


def _errors() -> dict[str, Any]:
    """Return the answers that operations share, by their names in the document."""
    shared = {
        f"Error{status}": _error(text, "HttpError", error.body())
        for status, (error, text) in _ERRORS.items()
    }
    example = _COMPONENTS["HttpValidationError"]["example"]
    return {**shared, "Error422": _error("Not valid.", "HttpValidationError", example)}


def _error(text: str, name: str, example: Any) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {
        "description": text,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


#: What the names in paths stand for.
_PLACES = {
    "app_id": "The application's id or uid.",
    "attempt_id": "The attempt's id.",
    "endpoint_id": "The endpoint's id or uid.",
    "key_id": "The API key's id.",
    "letter_id": "The dead letter's id.",
    "msg_id": "The message's id or `eventId`.",
    "name": "The event type's name.",
    "replay_id": "The replay job's id.",
    "task_id": "The background task's id.",
}


def _describe_parameters(path: str, operation: dict[str, Any]) -> None:
    """Say what the names in a path stand for; Django routes no empty part."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter.setdefault("description", _PLACES.get(parameter["name"], "An id."))
            parameter["schema"] = {"minLength": 1, **parameter["schema"]}


def _add_examples(result: dict[str, Any], examples: Examples) -> None:
    for _, _, operation in _operations(result):
        contents = [(operation.get("requestBody", {}), True)]
        contents += [(response, False) for response in operation["responses"].values()]
        for holder, sent in contents:
            for media in holder.get("content", {}).values():
                if "example" not in media and "examples" not in media:
                    media["example"] = examples.of(media["schema"], sent=sent)


@functools.cache
def document() -> bytes:
    """Return it as JSON text."""
    # Making it takes a second of CPU, and nothing in it changes while the process lives.
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    return to_json(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
