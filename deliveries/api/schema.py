"""The publish operations in the OpenAPI document, where their doors, no DRF views, are not seen."""

from typing import Any

from deliveries.api.batch_in import MAX_MESSAGES
from deliveries.api.message_in import MAX_CHANNELS, MAX_NAME_LENGTH
from deliveries.api.message_options import (
    MAX_TAG_LENGTH,
    MAX_TAGS,
    RETENTION_DAYS,
    RETENTION_HOURS,
    SCHEDULE_AHEAD,
)
from endpoints.header_policy import HEADERS_MAX

_NAME = {"type": "string", "maxLength": MAX_NAME_LENGTH, "pattern": r"^[a-zA-Z0-9\-_.]+$"}
_CHANNELS = {"type": "array", "items": _NAME, "minItems": 1, "maxItems": MAX_CHANNELS}

_COMPONENTS: dict[str, Any] = {
    "MessageIn": {
        "type": "object",
        "required": ["eventType", "payload"],
        "properties": {
            "eventType": _NAME,
            "payload": {
                "type": "object",
                "additionalProperties": True,
                "description": "Sent to receivers byte for byte as it stands here.",
            },
            "eventId": {**_NAME, "description": "Your own id of the event; a second use is 409."},
            "channels": _CHANNELS,
            "payloadRetentionPeriod": {
                "type": "integer",
                "minimum": RETENTION_DAYS.start,
                "maximum": RETENTION_DAYS.stop - 1,
                "description": "Days after which the payload is emptied.",
            },
            "payloadRetentionHours": {
                "type": "integer",
                "minimum": RETENTION_HOURS.start,
                "maximum": RETENTION_HOURS.stop - 1,
                "description": "The same in hours; give one of the two.",
            },
            "deliverAt": {
                "type": "string",
                "format": "date-time",
                "description": "When to deliver it, at most "
                f"{SCHEDULE_AHEAD.days} days ahead; a time that has passed means now.",
            },
            "tags": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": MAX_TAG_LENGTH},
                "maxItems": MAX_TAGS,
                "description": "Labels by which messages can be listed and replayed.",
            },
            "application": {
                "allOf": [{"$ref": "#/components/schemas/ApplicationIn"}],
                "description": "The application to create if there is none of this uid.",
            },
            "transformationsParams": {
                "type": "object",
                "properties": {
                    "rawPayload": {
                        "type": "string",
                        "description": "Text to send in place of the payload.",
                    },
                    "headers": {
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                        "maxProperties": HEADERS_MAX + 1,
                        "description": "Headers of this message's requests: an endpoint's rules, "
                        "and Content-Type. They win over an endpoint's of the same name.",
                    },
                },
            },
        },
        "example": {
            "eventType": "user.signup",
            "eventId": "evt-31",
            "payload": {"email": "test@example.com"},
        },
    },
    "MessageOut": {
        "type": "object",
        "required": ["id", "eventType", "payload", "timestamp"],
        "properties": {
            "id": {"type": "string", "example": "msg_01k9q3v4z8e2v9b8w1r6s5t4n3"},
            "eventId": {"type": ["string", "null"]},
            "eventType": {"type": "string"},
            "payload": {"type": "object", "additionalProperties": True},
            "channels": {"type": ["array", "null"], "items": {"type": "string"}},
            "timestamp": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "deliverAt": {"type": "string", "format": "date-time"},
        },
    },
}

_COMPONENTS["MessageBatchIn"] = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/MessageIn"},
            "minItems": 1,
            "maxItems": MAX_MESSAGES,
        }
    },
}
_COMPONENTS["MessageBatchOut"] = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index"],
                "properties": {
                    "index": {"type": "integer"},
                    "message": {"$ref": "#/components/schemas/MessageOut"},
                    "error": {
                        "type": "object",
                        "description": (
                            "`conflict`, `payload_too_large`, or `validation_error` with a list "
                            "of faults."
                        ),
                        "properties": {"code": {"type": "string"}, "detail": {}},
                    },
                },
            },
        }
    },
}

_PUBLISH: dict[str, Any] = {
    "operationId": "message_create",
    "summary": "Publish an event",
    "description": "202 once the event and its deliveries are committed. Scope `publish`.",
    "tags": ["Message"],
    "security": [{"bearerKey": []}],
    "parameters": [
        {
            "name": "app_id",
            "in": "path",
            "required": True,
            "description": "The application's id or uid.",
            "schema": {"type": "string"},
        },
        {
            "name": "with_content",
            "in": "query",
            "description": "false leaves the payload out of the answer.",
            "schema": {"type": "boolean", "default": True},
        },
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MessageIn"}}},
    },
    "responses": {
        "202": {
            "description": "Accepted",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/MessageOut"}}
            },
        }
    },
}

_PUBLISH_BATCH: dict[str, Any] = {
    **_PUBLISH,
    "operationId": "message_create_batch",
    "summary": "Publish many events",
    "description": "The good ones are committed together, a bad one fails alone. Scope `publish`.",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/MessageBatchIn"}}
        },
    },
    "responses": {
        "202": {
            "description": "Accepted",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/MessageBatchOut"}}
            },
        }
    },
}


def add_publish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the operations; named in SPECTACULAR_SETTINGS, before what completes all of them."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in _COMPONENTS.items():
        schemas.setdefault(name, schema)
    for path, operation in (("msg", _PUBLISH), ("msg/batch", _PUBLISH_BATCH)):
        own = {**operation, "parameters": [*operation["parameters"]]}
        own["responses"] = dict(operation["responses"])
        result["paths"].setdefault(f"/api/v1/app/{{app_id}}/{path}", {})["post"] = own
    return result
