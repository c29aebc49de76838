import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webhooks_platform.lib.json_faults import MAX_INTEGER_DIGITS, find_fault
from webhooks_platform.lib.strict_json import MAX_DEPTH, Kind, StrictJSONError, decode


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        pytest.param(rb'{"a":"\u0000"}', Kind.NUL, ("a",), id="nul"),
        pytest.param(rb'["\\\u0000"]', Kind.NUL, (0,), id="nul after an escaped backslash"),
        pytest.param(rb'{"\u0000":1}', Kind.NUL, (), id="nul in a key"),
        pytest.param(rb'{"a":["\ud800"]}', Kind.SURROGATE, ("a", 0), id="high surrogate"),
        pytest.param(rb'"\udc00"', Kind.SURROGATE, (), id="low surrogate"),
        pytest.param(rb'"\ud800\ud800\udc00"', Kind.SURROGATE, (), id="high before a pair"),
        pytest.param(b'{"a":{"b":NaN}}', Kind.NOT_A_NUMBER, ("a", "b"), id="nan"),
        pytest.param(b"[1,-Infinity]", Kind.NOT_A_NUMBER, (1,), id="infinity"),
        pytest.param(b'{"a":1e999}', Kind.NUMBER_RANGE, ("a",), id="1e999"),
        pytest.param(b'{"a":1,"a":2}', Kind.DUPLICATE_KEY, ("a",), id="duplicate key"),
        pytest.param(b'{"a":1,"a" :2}', Kind.DUPLICATE_KEY, ("a",), id="duplicate, spaced"),
        pytest.param(rb'{"x":{"a":1,"\u0061":2}}', Kind.DUPLICATE_KEY, ("x", "a"), id="escaped"),
        pytest.param(b'{"a":":","a":":"}', Kind.DUPLICATE_KEY, ("a",), id="colons in strings"),
        pytest.param(nested(990), Kind.DEPTH, (0,) * MAX_DEPTH, id="depth 990"),
        pytest.param(nested(100_000), Kind.DEPTH, (0,) * MAX_DEPTH, id="depth 100,000"),
        pytest.param(b"[" * 100_000, Kind.DEPTH, (0,) * MAX_DEPTH, id="depth, never closed"),
        pytest.param(b"\xef\xbb\xbf{}", Kind.BOM, (), id="bom"),
        pytest.param('{"a":1}'.encode("utf-16"), Kind.BOM, (), id="utf-16"),
        pytest.param(b'{"a":"\xff"}', Kind.ENCODING, (), id="not utf-8"),
        pytest.param(b'"\xed\xa0\x80"', Kind.ENCODING, (), id="surrogate in utf-8"),
        pytest.param(b'{"a":-' + b"1" * 4301 + b"}", Kind.INTEGER_LENGTH, ("a",), id="-4,301"),
        pytest.param(b'{"a":' + b"1" * 5000 + b"}", Kind.INTEGER_LENGTH, ("a",), id="5,000 digits"),
        pytest.param(b"{} x", Kind.SYNTAX, (), id="trailing text"),
        pytest.param(b"", Kind.SYNTAX, (), id="empty"),
        pytest.param(b'{"a":[1,]}', Kind.SYNTAX, ("a", 1), id="trailing comma"),
        pytest.param(b'{"a"}', Kind.SYNTAX, ("a",), id="no value"),
        pytest.param(b"[01]", Kind.SYNTAX, (0,), id="leading zero"),
        pytest.param(b'"a\nb"', Kind.SYNTAX, (), id="control character"),
        pytest.param(b"'a'", Kind.SYNTAX, (), id="single quotes"),
    ],
)
def test_names_the_rule_and_the_place(text: bytes, kind: Kind, place: tuple[Any, ...]) -> None:
    with pytest.raises(StrictJSONError) as caught:
        decode(text)

    assert (caught.value.kind, caught.value.place) == (kind, place)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(rb'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}, id="surrogate pair"),
        pytest.param(rb'["\\u0000"]', ["\\u0000"], id="an escaped backslash, then text"),
        pytest.param(rb'{"a":"\":","b" :":x"}', {"a": '":', "b": ":x"}, id="what looks like keys"),
        pytest.param(b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}], id="one key in two objects"),
        pytest.param(b" 1 \r\n", 1, id="space around"),
        pytest.param(b"0.0e99999", 0.0, id="zero"),
        pytest.param(b"9" * MAX_INTEGER_DIGITS, 10**MAX_INTEGER_DIGITS - 1, id="4,300 digits"),
        pytest.param(b"-" + b"9" * MAX_INTEGER_DIGITS, 1 - 10**MAX_INTEGER_DIGITS, id="and a sign"),
        pytest.param(b'"\x7f"', "\x7f", id="delete"),
    ],
)
def test_decodes_what_every_parser_reads_alike(text: bytes, value: object) -> None:
    assert decode(text) == value


def test_depth_counts_the_outermost_value() -> None:
    assert decode(nested(MAX_DEPTH)) is not None
    with pytest.raises(StrictJSONError):
        decode(nested(MAX_DEPTH + 1))
    assert decode(nested(MAX_DEPTH + 1), max_depth=MAX_DEPTH + 1) is not None


def plain(text: bytes) -> object:
    """Decode as the standard library does, refusing what it alone takes."""
    value = json.loads(text.decode(), object_pairs_hook=once, parse_constant=refuse)
    json.dumps(value, allow_nan=False).encode()
    return value


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key twice")
    return value


def refuse(_: str) -> None:
    raise ValueError("no number")


SNIPPETS = (
    rb"""{ } [ ] : , " \ a 0 1 . e + - NaN true null \u0000 \ud83d \ude00 "a":1 "a" {"a":""".split()
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*SNIPPETS, b" ", b"\xc3\xa9", b"\xff"]), max_size=12))
@example([b'{"a":', b"1", b",", b'"a":1', b"}"])
def test_the_fast_and_the_slow_half_agree(snippets: list[bytes]) -> None:
    text = b"".join(snippets)
    try:
        value: object = plain(text)
        # Encoding refuses lone surrogates, which Python's parser lets pass.
        rendered = json.dumps(value, ensure_ascii=False).encode()
        refused = b"\x00" in rendered or b"\\u0000" in text
    except (ValueError, RecursionError):
        refused = True

    fault = find_fault(text, max_depth=MAX_DEPTH)

    assert (fault is not None) == refused or b"\\\\" in text
    if fault is None:
        decode(text)
    else:
        with pytest.raises(StrictJSONError):
            decode(text)


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
flat = st.lists(scalars, max_size=5) | st.dictionaries(texts, scalars, max_size=5)
json_values = scalars | st.lists(flat | scalars, max_size=5) | st.dictionaries(texts, flat)


@settings(max_examples=200, deadline=None)
@given(json_values, st.booleans(), st.sampled_from([(",", ":"), (", ", " : ")]))
def test_takes_any_value_in_any_spelling(
    value: object, ascii_only: bool, separators: tuple[str, str]
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)

    assert decode(text.encode()) == value
    assert find_fault(text.encode(), max_depth=MAX_DEPTH) is None
