"""YAML that says no more than JSON could, read event by event, without yaml's constructors.

Those take hostile text for Python values: they fail in ways of their own, take the last of two
like keys, and count in base 60 for as long as the text is long.
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from webhooks_platform.lib.strict_json import MAX_DEPTH

#: Scalars, lists and mappings (keys too) of one text: about 5 µs each.
NODES = 100_000
#: A message quotes no more of a key, tag or value.
SHOWN_CHARACTERS = 64
#: JSON's largest integers that every reader of the platform takes.
INTEGERS = range(-(2**63), 2**64)

# Refused before it is parsed: the parser compares each such directive with all before it.
_TAG_DIRECTIVE = re.compile("(?:\\A|[\\r\\n\\x85\\u2028\\u2029])\\ufeff*%TAG")
# What YAML 1.2 takes for these (core schema), in decimal only.
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile("[-+]?(?:0|[1-9][0-9]*+)")
_REAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class StrictYAMLError(ValueError):
    """The text is not YAML that JSON could say; `line` counts from 1, None if it is unknown."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def decode(text: str) -> Any:
    """Return the value of the one document in `text`; raise StrictYAMLError."""
    if _TAG_DIRECTIVE.search(text):
        raise StrictYAMLError("%TAG directives are not taken.")
    try:
        return _Reader(yaml.parse(text, yaml.CSafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise StrictYAMLError(f"Syntax: {error.problem}.", line) from None
    except (yaml.YAMLError, UnicodeError):
        raise StrictYAMLError("Syntax: not a text of YAML's characters.") from None


class _Reader:
    """Values out of yaml's events; no deeper than MAX_DEPTH and no more than NODES."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._nodes = 0

    def document(self) -> Any:
        next(self._events)  # The stream's start.
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), MAX_DEPTH)
        next(self._events)  # The document's end.
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            _refuse("There is more than one document.", after)
        return value

    def _value(self, event: yaml.Event, room: int) -> Any:
        self._check(event)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if room == 0:
            _refuse(f"Nested deeper than {MAX_DEPTH}.", event)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(each, room - 1) for each in self._until(yaml.SequenceEndEvent)]
        return self._mapping(room - 1)

    def _mapping(self, room: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            self._check(event)
            if not isinstance(event, yaml.ScalarEvent):
                _refuse("A key must be a text.", event)
            key = event.value
            if key in found:
                _refuse(f'The key "{key[:SHOWN_CHARACTERS]}" is there twice.', event)
            found[key] = self._value(next(self._events), room)
        return found

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        """Yield the first event of each part; whoever takes it reads the part to its end."""
        while not isinstance(event := next(self._events), end):
            yield event

    def _check(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > NODES:
            _refuse(f"More than {NODES} values and keys; send the document as JSON.", event)
        if isinstance(event, yaml.AliasEvent):
            _refuse(f"Aliases (*{str(event.anchor)[:SHOWN_CHARACTERS]}) are not taken.", event)
        if event.tag is not None:
            _refuse(f"Tags ({event.tag[:SHOWN_CHARACTERS]}) are not taken.", event)


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return the JSON value of a scalar: what is quoted, and no word or number, is text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        _refuse(f"JSON has no number {text}.", event)
    return _number(text, event) if _REAL.fullmatch(text) else text


def _number(text: str, event: yaml.ScalarEvent) -> int | float:
    whole = _INTEGER.fullmatch(text) is not None
    # Twenty digits are enough for all of INTEGERS; more may take long to count.
    number = int(text[:22]) if whole else float(text)
    if (whole and number not in INTEGERS) or number in (float("inf"), float("-inf")):
        _refuse(f"The number {text[:SHOWN_CHARACTERS]} is too large.", event)
    return number


def _refuse(message: str, event: Any) -> NoReturn:
    raise StrictYAMLError(message, event.start_mark.line + 1)
