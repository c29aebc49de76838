"""JSON Schemas of event types: judged when written, newest version first, and what breaks them.

Draft 7, as with svix. Always offline: a `$ref` to somewhere else would have the platform fetch
what a tenant names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import jsonschema_rs
from jsonschema_rs import Draft7Validator

#: Violations that one answer tells of, and characters of each.
VIOLATIONS = 20
CHARACTERS = 500

_NUMBERS = re.compile(r"(\d+)")


class Violation(NamedTuple):
    """Where a payload breaks which rule of its schema."""

    path: tuple[str, ...]
    message: str


def pointer(path: Iterable[object]) -> str:
    """Return the JSON pointer (RFC 6901) of a place; of the whole it is empty, shown as `""`."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in path]
    return "".join(f"/{part}" for part in parts) or '""'


def schema_fault(schema: Any) -> str | None:
    """Say why this is no JSON Schema (draft 7) that stands for itself, or None."""
    if not isinstance(schema, dict | bool):
        return "must be an object"
    try:
        compiled(schema)
    except (jsonschema_rs.ReferencingError, jsonschema_rs.ValidationError) as error:
        path, message = tuple(getattr(error, "instance_path", ())), getattr(error, "message", "")
        # A reference that leads nowhere is reported without its place.
        path = path or next(_elsewhere(schema, ()), ())
        found = f"not a JSON Schema (draft 7) at {pointer(path)}: {message or error}"
        return found[:CHARACTERS]
    return None


def _elsewhere(node: Any, path: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    """Yield the places of references to something outside, then of all others."""
    found = list(_references(node, path))
    yield from (place for place, target in found if not target.startswith("#"))
    yield from (place for place, _ in found)


def _references(node: Any, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield (*path, "$ref"), node["$ref"]
        for key, value in node.items():
            yield from _references(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _references(value, (*path, index))


def compiled(schema: Any) -> Draft7Validator:
    """Return the validator of a schema; raise what jsonschema_rs raises for a bad one.

    Its messages hold no values, which may be megabytes.
    """
    return Draft7Validator(schema, offline=True, mask="the value")


def newest(versions: Mapping[str, Any]) -> str | None:
    """Return the newest version's name: numbers in it count as numbers, so "10" follows "9"."""
    return max(versions, key=_age, default=None)


def newest_first(versions: Mapping[str, Any]) -> list[str]:
    return sorted(versions, key=_age, reverse=True)


def _age(version: str) -> list[tuple[int, int, str]]:
    # A text with a number in its place is older than one with text there.
    parts = [part for part in _NUMBERS.split(version.removeprefix("v")) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def violations(validator: Draft7Validator, payload: Any, *, version: str) -> Iterator[Violation]:
    """Yield the first violations of the schema of that version."""
    for error in islice(validator.iter_errors(payload), VIOLATIONS):
        place, rule = pointer(error.instance_path), pointer(error.schema_path)
        about = f" (at {place}, rule {rule} of schema version {version})"
        message = error.message[: CHARACTERS - len(about)] + about
        yield Violation(tuple(str(part) for part in error.instance_path), message)
