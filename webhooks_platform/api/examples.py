"""Examples for the OpenAPI document, made from its schemas: a new route has some as it comes.

A schema's own `example`, `default` or `enum` goes first, then what the wire's names mean.
"""

from collections.abc import Mapping
from typing import Any

_ID = "01k9q3v4z8e2v9b8w1r6s5t4n3"
_TIME = "2026-01-31T12:00:00Z"
#: Which prefix `id` has, by how the name of its schema begins.
_PREFIXES = {
    "ApiKey": "key_",
    "Application": "app_",
    "AuditEntry": "audit_",
    "DeadLetter": "dl_",
    "Endpoint": "ep_",
    "EndpointMessage": "msg_",
    "Message": "msg_",
    "MessageAttempt": "atmpt_",
    "MessageEndpoint": "ep_",
    "NewApiKey": "key_",
    "OperationalEndpoint": "ep_",
    "Replay": "rpl_",
    "Task": "qtask_",
    "UsageTask": "qtask_",
}
#: What stands under a name, whichever schema it is in.
_NAMED: dict[str, Any] = {
    "action": "endpoint.disabled",
    "actor": "key_01k9q3v4z8e2v9b8w1r6s5t4n3",
    "appId": f"app_{_ID}",
    "appUid": "acme",
    "attempts": 6,
    "channel": "eu",
    "channels": ["eu"],
    "createdBy": "sue",
    "deadLetterId": f"dl_{_ID}",
    "decidedBy": "sue",
    "description": "Orders of the shop",
    "done": True,
    "endpointId": f"ep_{_ID}",
    "endpointIds": [f"ep_{_ID}"],
    "endpointUid": "shop",
    "eventId": "order-1017",
    "eventType": "order.paid",
    "eventTypes": ["order.paid"],
    "filterTypes": ["order.paid"],
    "headers": {"X-Team": "billing"},
    "key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "lastAttemptId": f"atmpt_{_ID}",
    "lastError": "http_status",
    "lastStatusCode": 500,
    "messages": [{"eventType": "order.paid", "payload": {"order": 1017}}],
    "msgId": f"msg_{_ID}",
    "name": "Acme",
    "note": "The receiver is up again",
    "payload": {"order": 1017},
    "prefix": "whk_3f1c9a52",
    "replayId": f"rpl_{_ID}",
    "requestId": "4c1f7f0e9d6b4f6b8d4d0a4b8f7c2a11",
    "response": '{"error": "try later"}',
    "responseStatusCode": 500,
    "statusCodeClass": 500,
    "sample": [f"msg_{_ID}"],
    "schemas": {"1": {"type": "object"}},
    "target": f"ep_{_ID}",
    "task": "endpoint.recover",
    "uid": "acme",
    "url": "https://receiver.example/hooks",
}


class Examples:
    """Makes examples of the schemas of one document."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        """`components` are the document's schemas by name."""
        self._components = components

    def of(self, schema: Mapping[str, Any], *, name: str = "", sent: bool = False) -> Any:
        """Return a value of `schema`; of what is `sent`, only what has to be there.

        `name` is the schema's own name, or that of the property it belongs to.
        """
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self._components[name]
        for given in ("example", "const"):
            if given in schema:
                return schema[given]
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return next(value for value in schema["enum"] if value is not None)
        parts = schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf")
        if parts:
            return self.of(parts[0], name=name, sent=sent)
        return self._by_type(schema, name, sent=sent)

    def _by_type(self, schema: Mapping[str, Any], name: str, *, sent: bool) -> Any:
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if "properties" in schema:
            return self._object(schema, name, sent=sent)
        if name in _NAMED and _is(kind, _NAMED[name]):
            return _NAMED[name]
        if kind == "array":
            return [self.of(schema.get("items", {}), name=name, sent=sent)]
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if kind == "string":
            return _TIME if schema.get("format") == "date-time" else "text"
        return kind == "boolean" and bool(schema.get("default")) if kind == "boolean" else {}

    def _object(self, schema: Mapping[str, Any], name: str, *, sent: bool) -> dict[str, Any]:
        wanted = schema.get("required", ()) if sent else schema["properties"]
        made = {
            key: self.of(schema["properties"][key], name=key, sent=sent)
            for key in wanted
            if key in schema["properties"]
        }
        if not sent and "id" in made:
            made["id"] = _id_in(name, made["id"])
        if "iterator" in made and made.get("data"):
            row = made["data"][0]
            made["iterator"] = row.get("id") or row.get("endpointId") or row.get("name")
            made["prevIterator"] = f"-{made['iterator']}"
        return made


def _id_in(schema: str, otherwise: Any) -> Any:
    """Return an id of what the schema of that name is about: of the longest name that fits."""
    found = [start for start in _PREFIXES if schema.startswith(start)]
    return _PREFIXES[max(found, key=len)] + _ID if found else otherwise


def _is(kind: str | None, value: Any) -> bool:
    kinds: dict[str | None, type] = {
        "string": str,
        "integer": int,
        "array": list,
        "object": dict,
        "boolean": bool,
    }
    return isinstance(value, kinds.get(kind, object))
