"""Event types that an OpenAPI document describes: its `webhooks` (3.1) or `x-webhooks` (3.0).

Only what lies in the document counts: references elsewhere are refused, never fetched. A schema
is taken out with all that it refers to, so that it stands for itself.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from endpoints.schemas import schema_fault
from webhooks_platform.lib import strict_json, strict_yaml
from webhooks_platform.lib.strict_json import MAX_DEPTH, StrictJSONError
from webhooks_platform.lib.strict_yaml import StrictYAMLError

SECTIONS = ("webhooks", "x-webhooks")
METHODS = ("post", "put", "patch", "get", "delete", "options", "head", "trace")
#: Webhooks in one document, and bytes of all their schemas, which may share large parts.
WEBHOOKS = 1000
BYTES = 8 * 1_048_576
#: Lists and objects of one schema with what it refers to: parts can lie inside each other.
PARTS = 50_000

#: Keywords whose value is data, in which a `$ref` is none, and those whose keys are names.
DATA = frozenset({"const", "enum", "default", "example", "examples"})
NAMING = frozenset(
    {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies"}
)

Path = tuple[str, ...]


class DocumentError(Exception):
    """The document is not one that can be imported; `path` leads to the place in it."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass(frozen=True, slots=True)
class Webhook:
    """An event type as the document has it; None is what it does not say.

    Name, description, group and flags are for the caller to check.
    """

    name: str
    description: str
    schema: dict[str, Any] | bool | None
    deprecated: bool
    group_name: str | None
    feature_flags: list[str] | None


def parse(text: str) -> Any:
    """Read JSON or YAML, strictly and bounded; raise DocumentError."""
    try:
        return strict_json.decode(text.encode())
    except UnicodeEncodeError:
        raise DocumentError("Not text.") from None
    except StrictJSONError as error:
        # Flow style, if it was meant for YAML.
        if text.lstrip().startswith(("{", "[")):
            raise _not_json(error) from None
    try:
        # YAML can say what the platform's JSON does not take: NUL in a text.
        return strict_json.decode(orjson.dumps(strict_yaml.decode(text)))
    except StrictYAMLError as error:
        where = f", line {error.line}" if error.line else ""
        raise DocumentError(f"Not YAML that JSON could say{where}: {error.message}") from None
    except StrictJSONError as error:
        raise _not_json(error) from None


def _not_json(error: StrictJSONError) -> DocumentError:
    return DocumentError(f"Not JSON: {error.message}", *map(str, error.place))


def webhooks(document: Any) -> list[Webhook]:
    """Return what the document describes, by name; raise DocumentError."""
    if not isinstance(document, Mapping):
        raise DocumentError("Must be an OpenAPI document, an object.")
    if not str(document.get("openapi", "")).startswith("3."):
        raise DocumentError("Must be an OpenAPI document of version 3.", "openapi")
    section = next((name for name in SECTIONS if document.get(name)), None)
    if section is None:
        raise DocumentError("The document has no webhooks.", SECTIONS[0])
    items = _mapping(document[section], section)
    if len(items) > WEBHOOKS:
        raise DocumentError(f"Takes at most {WEBHOOKS} webhooks.", section)
    try:
        return list(_read_all(document, items, section))
    except RecursionError:
        raise DocumentError("References lead too far.", section) from None


def _read_all(
    document: Mapping[str, Any], items: Mapping[str, Any], section: str
) -> Iterator[Webhook]:
    size = 0
    for name in sorted(items):
        found = _read(document, name, items[name], (section, name))
        # Not by orjson, which takes no integer of more than 64 bits.
        size += len(json.dumps(found.schema, ensure_ascii=False).encode())
        if size > BYTES:
            raise DocumentError(f"The schemas take more than {BYTES} bytes.", section, name)
        yield found


def _read(document: Mapping[str, Any], name: str, item: Any, path: Path) -> Webhook:
    operations = _followed(document, item, path)
    method = next((each for each in METHODS if each in operations), None)
    if method is None:
        raise DocumentError("Has no operation.", *path)
    operation = _mapping(operations[method], *path, method)
    description = operation.get("description") or operation.get("summary") or name
    return Webhook(
        name=name,
        description=description,
        schema=_schema(document, operation, (*path, method)),
        deprecated=operation.get("deprecated") is True,
        group_name=operation.get("x-svix-group-name"),
        feature_flags=operation.get("x-svix-feature-flags"),
    )


def _schema(
    document: Mapping[str, Any], operation: Mapping[str, Any], path: Path
) -> dict[str, Any] | bool | None:
    """Return the schema of the JSON body, complete in itself and with the body's examples."""
    path = (*path, "requestBody")
    body = _followed(document, operation.get("requestBody") or {}, path)
    content = _mapping(body.get("content") or {}, *path, "content")
    kind = next((each for each in content if "json" in each), None)
    if kind is None:
        return None
    path = (*path, "content", kind)
    media = _mapping(content[kind], *path)
    if "schema" not in media:
        return None
    schema = _Bundle(document).closed(media["schema"], (*path, "schema"))
    if isinstance(schema, dict) and "examples" not in schema:
        schema |= _examples(media)
    fault = schema_fault(schema)
    if fault:
        raise DocumentError(fault, *path, "schema")
    return schema


def _examples(media: Mapping[str, Any]) -> dict[str, Any]:
    named = media.get("examples")
    found = [media["example"]] if "example" in media else []
    for each in named.values() if isinstance(named, Mapping) else ():
        if isinstance(each, Mapping) and "value" in each:
            found.append(each["value"])
    return {"examples": found} if found else {}


class _Bundle:
    """A schema with the parts of the document that it refers to, as its `definitions`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._definitions: dict[str, Any] = {}
        #: By the reference; two can be alike once they are names.
        self._names: dict[str, str] = {}
        self._parts = 0

    def closed(self, schema: Any, path: Path) -> dict[str, Any] | bool:
        """Return the schema itself, not a reference to it; raise DocumentError."""
        found = _resolved(self._document, schema, path)
        if not isinstance(found, dict):
            return found if isinstance(found, bool) else _mapping(found, *path)  # type: ignore[return-value]
        closed: dict[str, Any] = self._copy(found, path)
        own = closed.get("definitions")
        if self._definitions:
            closed["definitions"] = (own if isinstance(own, dict) else {}) | self._definitions
        return closed

    def _copy(self, node: Any, path: Path) -> Any:
        self._parts += isinstance(node, list | dict)
        if self._parts > PARTS:
            raise DocumentError(f"The schema takes more than {PARTS} lists and objects.", *path)
        if isinstance(node, list):
            return [self._copy(each, (*path, str(i))) for i, each in enumerate(node)]
        if not isinstance(node, dict):
            return node
        copied = {key: self._keyword(key, value, (*path, key)) for key, value in node.items()}
        if isinstance(node.get("$ref"), str):
            copied["$ref"] = self._defined(node["$ref"], (*path, "$ref"))
        return copied

    def _keyword(self, key: str, value: Any, path: Path) -> Any:
        if key in DATA:
            return value
        if key in NAMING and isinstance(value, dict):
            return {name: self._copy(each, (*path, name)) for name, each in value.items()}
        return self._copy(value, path)

    def _defined(self, target: str, path: Path) -> str:
        if target not in self._names:
            found = _target(self._document, target, path)
            name = self._names[target] = self._name(target)
            self._definitions[name] = {}  # Met again, if it refers to itself.
            self._definitions[name] = self._copy(found, path)
        return f"#/definitions/{self._names[target]}"

    def _name(self, target: str) -> str:
        """Return a name of its own that has neither `/` nor `~`, so that it is its own pointer."""
        name = target.removeprefix("#/").replace("~", "-").replace("/", ".")
        if name not in self._definitions:
            return name
        return next(free for n in count(2) if (free := f"{name}-{n}") not in self._definitions)


def _followed(document: Mapping[str, Any], node: Any, path: Path) -> Mapping[str, Any]:
    return _mapping(_resolved(document, node, path), *path)


def _resolved(document: Mapping[str, Any], node: Any, path: Path) -> Any:
    """Return what a node stands for: itself, or what its `$ref` leads to."""
    for _ in range(MAX_DEPTH):
        if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
            return node
        node = _target(document, node["$ref"], (*path, "$ref"))
    raise DocumentError("References lead in a circle.", *path)


def _target(document: Mapping[str, Any], target: str, path: Path) -> Any:
    if not target.startswith("#/"):
        raise DocumentError(
            "Refers to something outside the document; that is never fetched.", *path
        )
    node: Any = document
    for part in target[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or key not in node:
            raise DocumentError(f"{target} is not in the document.", *path)
        node = node[key]
    return node


def _mapping(node: Any, *path: str) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        raise DocumentError("Must be an object.", *path)
    return node
