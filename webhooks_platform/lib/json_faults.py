"""Where JSON text breaks the strict rules, and which rule: the slow half of strict_json."""

import json
import re
from collections.abc import Iterator
from enum import StrEnum

#: Python refuses to turn longer texts into integers, and so do others.
MAX_INTEGER_DIGITS = 4300
#: A message quotes no more of a repeated key.
SHOWN_CHARACTERS = 64

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_TOKEN = re.compile(
    rb"""[ \t\r\n]*+
    (?: (?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
      | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
      | (?P<special>-?(?:NaN|Infinity))
      | (?P<word>true|false|null)
      | (?P<mark>[\[\]{},:]) )""",
    re.VERBOSE,
)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
# Escapes of a string one by one; a high surrogate takes the low one after it along.
_ESCAPE = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB]..\\u[dD][c-fC-F]..)|(?P<lone>u[dD][89a-fA-F]..)|.)"
)

Place = tuple[str | int, ...]


class Kind(StrEnum):
    """The rule that was broken; the last part of the error's `type` on the wire."""

    SYNTAX = "jsondecode"
    ENCODING = "utf8"
    BOM = "bom"
    DUPLICATE_KEY = "duplicate_key"
    DEPTH = "depth"
    NOT_A_NUMBER = "nan"
    NUMBER_RANGE = "number_range"
    INTEGER_LENGTH = "integer_length"
    NUL = "nul"
    SURROGATE = "surrogate"


class StrictJSONError(ValueError):
    """The text is not strict JSON."""

    def __init__(self, kind: Kind, message: str, place: Place) -> None:
        """`place` is the path of keys and indexes from the outermost value."""
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.place = place


def find_fault(text: bytes, *, max_depth: int) -> StrictJSONError | None:
    """Return the first fault of `text`, or None. Needs no recursion, whatever the nesting."""
    if text.startswith(_BOMS):
        return StrictJSONError(Kind.BOM, "The text begins with a byte order mark.", ())
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return StrictJSONError(Kind.ENCODING, f"Byte {error.start} is not UTF-8.", ())
    try:
        _Scan(text, max_depth).run()
    except StrictJSONError as fault:
        return fault
    return None


class _Scan:
    """One walk over the tokens; `open` holds the containers around the current place."""

    def __init__(self, text: bytes, max_depth: int) -> None:
        self.text = text
        self.max_depth = max_depth
        self.at = 0
        self.open: list[_Container] = []

    def run(self) -> None:
        for kind, token in self.tokens():
            self.value(kind, token)
            if not self.open:
                break
        if self.open or not self.at:
            raise self.syntax("The text ends too early")
        if self.text[self.at :].strip(b" \t\r\n"):
            raise self.syntax("There is text after the value")

    def tokens(self) -> Iterator[tuple[str, bytes]]:
        while match := _TOKEN.match(self.text, self.at):
            self.at = match.end()
            kind = str(match.lastgroup)
            yield kind, match[kind]
        if self.text[self.at :].strip(b" \t\r\n"):
            raise self.syntax("Unexpected character")

    def value(self, kind: str, token: bytes) -> None:
        """Take one token: a value, a key, or what stands between."""
        around = self.open[-1] if self.open else None
        if around is not None and not around.wants_value:
            self.between(around, kind, token)
        elif token in (b"{", b"["):
            self.enter(token)
        elif token == b"]" and around is not None and around.may_close:
            self.leave()
        elif kind == "mark":
            raise self.syntax("A value is missing")
        else:
            self.scalar(kind, token)
            self.done()

    def between(self, around: "_Container", kind: str, token: bytes) -> None:
        if token == around.closing and around.may_close:
            self.leave()
        elif kind == "string" and around.wants_key:
            self.key(around, token)
        elif token == b":" and around.wants_colon:
            around.wants_colon, around.wants_value = False, True
        elif token == b"," and around.wants_comma:
            around.next()
        else:
            raise self.syntax("Unexpected character")

    def enter(self, token: bytes) -> None:
        if len(self.open) == self.max_depth:
            raise self.fault(Kind.DEPTH, f"More than {self.max_depth} levels of nesting.")
        self.open.append(_Container(is_object=token == b"{"))

    def leave(self) -> None:
        self.open.pop()
        self.done()

    def done(self) -> None:
        if self.open:
            self.open[-1].took_value()

    def key(self, around: "_Container", token: bytes) -> None:
        self.string(token)
        key = _unescape(token)
        if key in around.keys:
            raise self.fault(
                Kind.DUPLICATE_KEY, f"The key {key[:SHOWN_CHARACTERS]!r} appears twice.", key
            )
        around.take_key(key)

    def scalar(self, kind: str, token: bytes) -> None:
        if kind == "string":
            self.string(token)
        elif kind == "special":
            raise self.fault(Kind.NOT_A_NUMBER, "JSON knows no NaN and no Infinity.")
        elif kind == "number":
            self.number(token)

    def string(self, token: bytes) -> None:
        if _NUL.search(token):
            raise self.fault(Kind.NUL, "A string holds the character U+0000.")
        if any(escape["lone"] for escape in _ESCAPE.finditer(token)):
            raise self.fault(Kind.SURROGATE, "A string holds half of a surrogate pair.")

    def number(self, token: bytes) -> None:
        if not token.strip(b"-0123456789"):
            if len(token.lstrip(b"-")) > MAX_INTEGER_DIGITS:
                raise self.fault(
                    Kind.INTEGER_LENGTH, f"An integer has more than {MAX_INTEGER_DIGITS} digits."
                )
        elif abs(float(token)) == float("inf"):
            raise self.fault(Kind.NUMBER_RANGE, "A number is too large.")

    def fault(self, kind: Kind, message: str, *inner: str) -> StrictJSONError:
        around = self.open[: len(self.open) - len(inner)]
        place = [container.place for container in around if container.place is not None]
        return StrictJSONError(kind, message, (*place, *inner))

    def syntax(self, message: str) -> StrictJSONError:
        return self.fault(Kind.SYNTAX, f"{message} (byte {self.at}).")


class _Container:
    """An array or object that has begun, what may come next in it, and where we are in it."""

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.closing = b"}" if is_object else b"]"
        self.keys: set[str] = set()
        self.place: str | int | None = None if is_object else 0
        self.wants_key = is_object
        self.wants_value = not is_object
        self.wants_colon = self.wants_comma = False
        self.may_close = True

    def take_key(self, key: str) -> None:
        self.keys.add(key)
        self.place = key
        self.wants_key = self.may_close = False
        self.wants_colon = True

    def took_value(self) -> None:
        self.wants_value = False
        self.wants_comma = self.may_close = True

    def next(self) -> None:
        self.wants_comma = self.may_close = False
        self.wants_key, self.wants_value = self.is_object, not self.is_object
        if isinstance(self.place, int):
            self.place += 1


def _unescape(token: bytes) -> str:
    """Return what a checked string token means: equal keys may be written differently."""
    if b"\\" not in token:
        return token[1:-1].decode()
    text: str = json.loads(token)
    return text
