"""JSON Schemas of event types: which is the newest, and what is said of a violation."""

import pytest

from endpoints import schemas


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (["9", "10"], "10"),
        (["2.9", "2.10", "1.99"], "2.10"),
        (["v1", "v2"], "v2"),
        (["1", "draft"], "draft"),
        (["2026-01-31", "2025-12-01"], "2026-01-31"),
        ([], None),
    ],
)
def test_numbers_in_a_version_count_as_numbers(versions: list[str], newest: str | None) -> None:
    assert schemas.newest(dict.fromkeys(versions)) == newest


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "object"}, None),
        (True, None),
        ({"$ref": "#/definitions/x", "definitions": {"x": {}}}, None),
        (5, "must be an object"),
        ({"properties": {"a": {"type": "nope"}}}, "at /properties/a/type"),
        ({"pattern": "("}, "at /pattern"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}, "at /properties/a/$ref"),
        ({"$ref": "file:///etc/passwd"}, "at /$ref"),
        ({"items": [{"$ref": "#/definitions/x"}]}, "at /items/0/$ref"),
    ],
)
def test_a_schema_is_judged_and_the_place_named(schema: object, fault: str | None) -> None:
    found = schemas.schema_fault(schema)

    assert found == fault or (fault is not None and fault in str(found))


def test_a_violation_names_place_and_rule_but_no_value() -> None:
    validator = schemas.compiled({"properties": {"a/b": {"items": {"enum": ["x"]}}}})

    (found,) = schemas.violations(validator, {"a/b": ["x", "secret"]}, version="7")

    assert found.path == ("a/b", "1")
    assert found.message.endswith(
        "(at /a~1b/1, rule /properties/a~1b/items/enum of schema version 7)"
    )
    assert "secret" not in found.message


def test_violations_and_their_messages_are_bounded() -> None:
    validator = schemas.compiled({"items": {"enum": ["x" * 1000, "y"]}})

    found = list(schemas.violations(validator, list(range(100)), version="1"))

    assert len(found) == schemas.VIOLATIONS
    assert max(len(each.message) for each in found) == schemas.CHARACTERS
