"""Every operation of the API: walked, not listed, so that a new route is tested as it comes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from django.urls import URLPattern, URLResolver, get_resolver

from webhooks_platform.api.document import document

PREFIX = "/api/v1"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Operation:
    """One method on one path (below PREFIX, with its `{names}`), as the document describes it."""

    method: str
    path: str
    described: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def success(self) -> str:
        return next(status for status in self.described["responses"] if status[0] == "2")

    @property
    def takes_body(self) -> bool:
        return "requestBody" in self.described

    @property
    def body(self) -> Any:
        """The schema of the body."""
        return resolved(self.described["requestBody"]["content"]["application/json"]["schema"])

    @property
    def query(self) -> dict[str, Any]:
        """The schemas of the query parameters by name."""
        parameters = self.described.get("parameters", ())
        return {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}


@cache
def described() -> dict[str, Any]:
    """Return the document as the server shows it."""
    shown: dict[str, Any] = orjson.loads(document())
    return shown


def resolved(schema: Any) -> Any:
    """Follow a reference to the schema itself."""
    while "$ref" in schema:
        schema = described()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@cache
def operations() -> list[Operation]:
    """Return what the document describes."""
    return [
        Operation(method.upper(), path.removeprefix(PREFIX), operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def with_body() -> list[Operation]:
    return [operation for operation in operations() if operation.takes_body]


def lists() -> list[Operation]:
    """Return the operations that answer with pages."""
    return [operation for operation in operations() if "iterator" in operation.query]


@cache
def routed() -> dict[str, set[str]]:
    """Return the methods that views answer, by path: hidden operations too."""
    found = {path: set(methods) for path, methods in _routed(get_resolver(), "/")}
    for operation in operations():
        # The doors are no views, and `batch` could be the name of a message too.
        views = found.get("/app/{app_id}/msg/{msg_id}", set()) if "/batch" in operation.path else ()
        found.setdefault(operation.path, {*views}).add(operation.method)
    return found


def _routed(resolver: URLResolver, before: str) -> Iterator[tuple[str, set[str]]]:
    for pattern in resolver.url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routed(pattern, path)
        elif path.startswith(PREFIX) and not path.endswith("/"):
            named = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path.removeprefix(PREFIX))
            yield named, _methods(pattern)


def _methods(pattern: URLPattern) -> set[str]:
    view = getattr(pattern.callback, "view_class", None)
    if view is None:
        return {"GET"}
    return {method for method in METHODS if hasattr(view, method.lower())}
