"""YAML that JSON could say: as YAML 1.2 reads it, bounded, and hostile text refused by its line."""

from typing import Any

import pytest

from webhooks_platform.lib import strict_yaml
from webhooks_platform.lib.strict_yaml import StrictYAMLError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: {b: [1, -2, +3, 0], c: }", {"a": {"b": [1, -2, 3, 0], "c": None}}),
        ("[1.5, .5, 1., 1e3, -1.5E-2]", [1.5, 0.5, 1.0, 1000.0, -0.015]),
        ("[true, False, yes, on, null, ~, 'null']", [True, False, "yes", "on", None, None, "null"]),
        ("[1:30, 1:59.5, 0x1f, 007, 1_000, 2026-01-31]",
         ["1:30", "1:59.5", "0x1f", "007", "1_000", "2026-01-31"]),
        ("['1', \"true\", '.nan', nan, inf]", ["1", "true", ".nan", "nan", "inf"]),
        ("200: a\ntrue: b\n<<: {c: 1}\n=: d", {"200": "a", "true": "b", "<<": {"c": 1}, "=": "d"}),
        ("x: 1" + ":59" * 1000 + ".5", {"x": "1" + ":59" * 1000 + ".5"}),
        ("%YAML 1.1\n---\na: |\n  b\n  c\n", {"a": "b\nc\n"}),
        (f"[{2**64 - 1}, {-2**63}]", [2**64 - 1, -(2**63)]),
    ],
)  # fmt: skip
def test_values_are_those_of_json(text: str, value: Any) -> None:
    assert repr(strict_yaml.decode(text)) == repr(value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nx: !!bool q", 2, "Tags (tag:yaml.org,2002:bool) are not taken."),
        ('x: !!int ""', 1, "Tags"),
        ('x: !!int "-"', 1, "Tags"),
        ('x: !!float ""', 1, "Tags"),
        ('x: !!timestamp "x"', 1, "Tags"),
        ('!!int "": 1', 1, "Tags"),
        ("? !!bool q\n: 1", 1, "Tags"),
        ("x: !<tag:yaml.org,2002:bool> maybe", 1, "Tags"),
        ("x: ! y", 1, "Tags"),
        ("x: !!set {a}", 1, "Tags"),
        ("!!omap [a: 1]", 1, "Tags"),
        ("%TAG ! tag:yaml.org,2002:\n---\nx: !bool q", None, "%TAG directives"),
        ("a: 1\n...\n%TAG ! x:\n---\nx: 1", None, "%TAG directives"),
        ("a: &x [1]\nb: *x", 2, "Aliases (*x) are not taken."),
        ("a: 1\nb: {c: 1,\n  c: 2}", 3, 'The key "c" is there twice.'),
        ("1: a\n'1': b", 2, 'The key "1" is there twice.'),
        ("? [a]\n: b", 1, "A key must be a text."),
        ("- .nan", 1, "JSON has no number .nan."),
        ("- -.INF", 1, "JSON has no number -.INF."),
        ("- 1e999", 1, "The number 1e999 is too large."),
        (f"- {2**64}", 1, "The number 18446744073709551616 is too large."),
        ("- " + "9" * 900_000, 1, "The number 999"),
        ("a: 1\n---\nb: 2", 2, "There is more than one document."),
        ("- " * 101 + "x", 1, "Nested deeper than 100."),
        ("[" * 5000, 1, "Nested deeper than 100."),
        ("a: 1\nb: [}", 2, "Syntax: "),
        ('a: "\\ud800"', 1, "Syntax: "),
        ("a: \x01", None, "Syntax: "),
        ("a: \ud800", None, "Syntax: "),
    ],
)
def test_what_json_could_not_say_is_refused(text: str, line: int | None, message: str) -> None:
    with pytest.raises(StrictYAMLError) as error:
        strict_yaml.decode(text)

    assert error.value.line == line
    assert error.value.message.startswith(message)


def test_depth_and_nodes_up_to_the_bound_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "NODES", 101)

    assert strict_yaml.decode("- " * 100 + "x") is not None


@pytest.mark.parametrize("text", ["- a\n- b\n- c", "{a: 1, b: }", "[{},{},{}]", "[[],[],[],"])
def test_reading_ends_at_the_bound_of_nodes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "NODES", 3)

    with pytest.raises(
        StrictYAMLError, match="More than 3 values and keys; send the document as JSON"
    ):
        strict_yaml.decode(text)
