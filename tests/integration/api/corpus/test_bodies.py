"""Bodies that are no strict JSON, or no value of their field: 422 with the place, on every route.

The fault sits in a member that no route knows, so that only the parser can refuse it; what it
refuses has changed nothing.
"""

from typing import Any

import pytest

from endpoints.models import AuditEntry
from tests.integration.api.corpus.conftest import Complaints, World
from tests.integration.api.operations import Operation, operations, resolved, with_body

#: One wants a token of the app portal, the other one of two fields.
NEED_MORE = {"/auth/logout", "/event-type/import/openapi"}


def deep(depth: int) -> bytes:
    return b'{"x":' * depth + b"1" + b"}" * depth


STRICT = [
    pytest.param(b"{", "jsondecode", id="cut off"),
    pytest.param(b'{"x":1}x', "jsondecode", id="trailing text"),
    pytest.param(b'{"x":1}{"x":1}', "jsondecode", id="two documents"),
    pytest.param(b"{'x':1}", "jsondecode", id="quotes"),
    pytest.param(b'{"x":1,}', "jsondecode", id="trailing comma"),
    pytest.param(b'{"x":01}', "jsondecode", id="leading zero"),
    pytest.param(b'{"x":/**/1}', "jsondecode", id="comment"),
    pytest.param(b'{"x":"\t"}', "jsondecode", id="control character"),
    pytest.param(b'{"x":NaN}', "nan", id="NaN"),
    pytest.param(b'{"x":-Infinity}', "nan", id="infinity"),
    pytest.param(b'{"x":1e999}', "number_range", id="1e999"),
    pytest.param(b'{"x":' + b"1" * 5000 + b"}", "integer_length", id="5,000 digits"),
    pytest.param(rb'{"x":"\u0000"}', "nul", id="NUL"),
    pytest.param(rb'{"\u0000":1}', "nul", id="NUL in a key"),
    pytest.param(rb'{"x":"\ud800"}', "surrogate", id="lone surrogate"),
    pytest.param(rb'{"x":"\udc00\ud800"}', "surrogate", id="surrogates the wrong way round"),
    pytest.param(b'{"x":1,"x":1}', "duplicate_key", id="duplicate key"),
    pytest.param(b'{"x":1,"\\u0078":2}', "duplicate_key", id="duplicate by escape"),
    pytest.param(b'{"x":{"y":1,"y":2}}', "duplicate_key", id="duplicate inside"),
    pytest.param(b'{"x":"\xff"}', "utf8", id="not UTF-8"),
    pytest.param(b'{"x":"\xc0\x80"}', "utf8", id="overlong NUL"),
    pytest.param(b'{"x":"\xed\xa0\x80"}', "utf8", id="encoded surrogate"),
    pytest.param('{"x":1}'.encode("utf-16"), "bom", id="UTF-16"),
    pytest.param(b"\xef\xbb\xbf{}", "bom", id="byte order mark"),
    # A publish takes a level more for the payload, a batch three.
    pytest.param(deep(104), "depth", id="depth 104"),
    pytest.param(deep(990), "depth", id="depth 990"),
    pytest.param(deep(100_000), "depth", id="depth 100,000"),
]


def needs_body(operation: Operation) -> bool:
    return bool(operation.described["requestBody"].get("required"))


@pytest.mark.parametrize(("body", "kind"), STRICT)
def test_what_is_no_strict_json_is_refused_everywhere(
    world: World, complaints: Complaints, body: bytes, kind: str
) -> None:
    before = AuditEntry.objects.count()

    for operation in with_body():
        answer = world.send(operation, body)
        complaints.check_fault(operation, answer, f"value_error.{kind}", "body")
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"true", b"null", b"[{}]", b""])
def test_a_body_is_an_object(world: World, complaints: Complaints, body: bytes) -> None:
    for operation in with_body():
        if not body and not needs_body(operation):
            continue
        answer = world.send(operation, body)
        if complaints.check(operation, answer, 422):
            places = [fault["loc"][:1] for fault in answer.json()["detail"]]
            assert places == [["body"]] * len(places)


def test_a_post_without_a_body_that_needs_none_works(world: World, complaints: Complaints) -> None:
    """As SDKs send it: no body, no length, but an idempotency key."""
    for operation in operations():
        if (
            operation.method == "POST"
            and operation.path not in NEED_MORE
            and not (operation.takes_body and needs_body(operation))
        ):
            headers = {"idempotency-key": "auto_1"}
            answer = world.send(operation, headers=headers)
            complaints.check(operation, answer, 200, 201, 202, 204, 409)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]", b'{"x":1,"x":2}'])
def test_what_takes_no_body_minds_none(world: World, complaints: Complaints, body: bytes) -> None:
    for operation in operations():
        if not operation.takes_body and operation.method != "DELETE":
            plain, answer = world.send(operation), world.send(operation, body)
            # The first of two may have changed what the second one finds.
            complaints.check(operation, answer, plain.status_code, 409)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param("text/plain", 415, id="text"),
        pytest.param("application/x-www-form-urlencoded", 415, id="form"),
        pytest.param("multipart/form-data; boundary=x", 415, id="multipart"),
        pytest.param("application/xml", 415, id="xml"),
        pytest.param("nonsense", 415, id="nonsense"),
        pytest.param("application/json; charset=utf-7", 422, id="utf-7"),
        pytest.param("application/json; charset=iso-8859-1", 422, id="latin-1"),
    ],
)
def test_only_utf8_json_is_taken(
    world: World, complaints: Complaints, content_type: str, status: int
) -> None:
    for operation in with_body():
        answer = world.send(operation, b'{"x":1}', headers={"content-type": content_type})
        complaints.check(operation, answer, status)


@pytest.mark.parametrize(
    "content_type", ["application/json;charset=UTF-8", "application/vnd.x+json", ""]
)
def test_json_by_another_name_is_taken(
    world: World, complaints: Complaints, content_type: str
) -> None:
    for operation in with_body():
        answer = world.send(operation, b"[]", headers={"content-type": content_type})
        complaints.check(operation, answer, 422)


def test_a_byte_too_much_is_413(world: World, complaints: Complaints) -> None:
    for operation in operations():
        size = 8 * 1_048_576 if operation.path.endswith("/batch") else 1_048_576
        answer = world.send(operation, b"{}".ljust(size + 1))
        if complaints.check(operation, answer, 413):
            assert answer.json()["code"] == "payload_too_large"


def wrong_values(schema: Any) -> list[Any]:
    """Return values of other types than those that a property takes."""
    schema = resolved(schema)
    taken = schema.get("type", [])
    taken = {taken} if isinstance(taken, str) else {*taken}
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        inner = resolved(part).get("type", "string")
        taken |= {inner} if isinstance(inner, str) else {*inner}
    values: dict[str, list[Any]] = {
        "string": ["x"],
        "integer": [7, 1e300],
        "number": [1.5],
        "boolean": [True],
        "array": [[]],
        "object": [{}],
    }
    if "number" in taken:
        taken.add("integer")
    return [value for name, some in values.items() if name not in taken for value in some]


def test_a_value_of_another_type_is_refused_by_its_name(
    world: World, complaints: Complaints
) -> None:
    tried = 0
    for operation in with_body():
        for name, schema in operation.body.get("properties", {}).items():
            if not resolved(schema).keys() & {"type", "allOf", "oneOf", "anyOf"}:
                continue
            for value in wrong_values(schema):
                tried += 1
                answer = world.send(operation, {name: value})
                what = f"{operation} {name}={value!r}"
                if complaints.check(what, answer, 422):
                    places = [fault["loc"][1:2] for fault in answer.json()["detail"]]
                    if [name] not in places:
                        complaints.append(f"{what}: not named in {answer.text[:200]}")
    assert tried > 300


@pytest.mark.parametrize("number", [-1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400])
def test_a_huge_number_breaks_nothing(world: World, complaints: Complaints, number: int) -> None:
    for operation in with_body():
        for name, schema in operation.body.get("properties", {}).items():
            kind = resolved(schema).get("type", ())
            if "integer" in kind or "number" in kind:
                answer = world.send(operation, {name: number})
                complaints.check_fault(
                    f"{operation} {name}", answer, fault_type(answer, name), "body", name
                )


def fault_type(answer: Any, name: str) -> str:
    """Return the type of the fault at a field, whichever it is."""
    faults = answer.json()["detail"] if answer.status_code == 422 else []
    return next((f["type"] for f in faults if f["loc"][1:2] == [name]), "any")
