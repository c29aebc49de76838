"""Reading event types out of OpenAPI documents: offline, bounded, and naming the place."""

import json
from itertools import pairwise
from typing import Any

import pytest

from endpoints import openapi_documents, schemas
from endpoints.openapi_documents import DocumentError, Webhook


def document(webhook: Any, **more: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "webhooks": {"invoice.paid": webhook}, **more}


def posted(schema: Any, **media: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, **media}}
    return {"post": {"description": "Paid", "requestBody": {"content": content}}}


YAML = """
openapi: 3.1.0
x-webhooks:
  invoice.paid:
    post:
      summary: Paid  # used where there is no description
      deprecated: true
      x-svix-group-name: billing
      x-svix-feature-flags: [beta]
      requestBody: {content: {application/json: {schema: {enum: [on, 2026-01-31, 1]}}}}
      responses:
        200: {description: ok}
"""


def test_yaml_is_read_as_json_would_be() -> None:
    (found,) = openapi_documents.webhooks(openapi_documents.parse(YAML))

    assert found == Webhook(
        "invoice.paid", "Paid", {"enum": ["on", "2026-01-31", 1]}, True, "billing", ["beta"]
    )


def test_a_schema_is_taken_out_with_what_it_refers_to() -> None:
    parts = {
        "Invoice": {"type": "object", "properties": {"lines": {"items": {"$ref": LINE}}}},
        "Line": {"properties": {"part": {"$ref": LINE}, "name": {"type": "string"}}},
        "Unused": {},
    }
    whole = document(
        posted({"$ref": INVOICE}, example={"lines": []}), components={"schemas": parts}
    )

    (found,) = openapi_documents.webhooks(whole)

    moved = {"$ref": "#/definitions/components.schemas.Line"}
    assert found.schema == {
        "type": "object",
        "properties": {"lines": {"items": moved}},
        "examples": [{"lines": []}],
        "definitions": {
            "components.schemas.Line": {"properties": {"part": moved, "name": {"type": "string"}}}
        },
    }
    validator = schemas.compiled(found.schema)
    assert validator.is_valid({"lines": [{"part": {"name": "x"}}]})
    assert not validator.is_valid({"lines": [{"part": {"name": 1}}]})


def chain(*names: str) -> dict[str, Any]:
    """Return components of which each holds nothing but the next one."""
    pairs = pairwise(names)
    return {"schemas": {one: {"$ref": f"#/components/schemas/{two}"} for one, two in pairs}}


def test_references_that_lead_too_far_are_refused() -> None:
    names = ["Invoice", *map(str, range(5000))]
    whole = document(posted({"items": {"$ref": INVOICE}}), components=chain(*names))

    with pytest.raises(DocumentError, match="too far"):
        openapi_documents.webhooks(whole)


INVOICE, LINE = "#/components/schemas/Invoice", "#/components/schemas/Line"


def test_bodies_and_items_may_be_references_and_may_say_nothing() -> None:
    parts = {"pathItems": {"p": {"put": {}}}}

    (found,) = openapi_documents.webhooks(
        document({"$ref": "#/components/pathItems/p"}, components=parts)
    )

    assert found == Webhook("invoice.paid", "invoice.paid", None, False, None, None)


WHERE = ("webhooks", "invoice.paid", "post", "requestBody", "content", "application/json", "schema")


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        pytest.param([], (), "an object", id="no object"),
        pytest.param({"openapi": "2.0"}, ("openapi",), "version 3", id="version"),
        pytest.param({"openapi": "3.1.0"}, ("webhooks",), "no webhooks", id="none"),
        pytest.param(document({}), WHERE[:2], "no operation", id="no operation"),
        pytest.param(
            document(posted({"$ref": "https://127.0.0.1:1/x"})),
            (*WHERE, "$ref"),
            "never fetched",
            id="remote",
        ),
        pytest.param(
            document(posted({"items": {"$ref": "other.json#/x"}})),
            (*WHERE, "items", "$ref"),
            "never fetched",
            id="file",
        ),
        pytest.param(
            document(posted({"$ref": INVOICE})),
            (*WHERE, "$ref"),
            "not in the document",
            id="dangling",
        ),
        pytest.param(
            document(
                posted({"$ref": INVOICE}), components={"schemas": {"Invoice": {"$ref": INVOICE}}}
            ),
            WHERE,
            "circle",
            id="circle",
        ),
        pytest.param(
            document(posted({"definitions": 5, "items": {"$ref": "#/openapi"}})),
            WHERE,
            "not a JSON Schema",
            id="no schema",
        ),
        pytest.param(
            document(posted({"type": "nope"})), WHERE, "not a JSON Schema", id="bad schema"
        ),
        pytest.param(
            {"openapi": "3.1.0", "webhooks": {str(number): {} for number in range(1001)}},
            ("webhooks",),
            "at most 1000",
            id="many",
        ),
    ],
)
def test_a_bad_document_is_refused_by_its_place(
    given: Any, path: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        openapi_documents.webhooks(given)

    assert error.value.path == path


def test_a_part_shared_by_many_does_not_grow_without_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openapi_documents, "BYTES", 3000)
    parts = {"schemas": {"Invoice": {"description": "x" * 1000}}}
    names = dict.fromkeys(("a", "b", "c"), posted({"$ref": INVOICE}))

    with pytest.raises(DocumentError, match="more than 3000 bytes") as error:
        openapi_documents.webhooks({"openapi": "3.1.0", "webhooks": names, "components": parts})

    assert error.value.path == ("webhooks", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "Not JSON", id="json"),
        pytest.param('{"a": 1, "a": 2}', "Not JSON", id="duplicate key"),
        pytest.param("a: [}", "Not YAML .*, line 1: ", id="yaml"),
        pytest.param("a: &x [1]\nb: *x", "Aliases", id="alias"),
        pytest.param("a: !!python/object/apply:os.getcwd []", "Not YAML", id="python"),
        pytest.param("[" * 200 + "]" * 200, "Nested deeper|Not JSON", id="deep"),
        pytest.param("- " * 5000 + "x", "Nested deeper|Not YAML", id="deep yaml"),
        pytest.param('a: "\\0"', "Not JSON", id="nul"),
        pytest.param('a: "\\ud800"', "Not YAML", id="surrogate"),
        pytest.param("a: 1\nb: 2\na: 3", 'line 3: The key "a" is there twice', id="yaml twice"),
        pytest.param("[{},]", "Not JSON", id="flow"),
    ],
)
def test_text_that_is_neither_json_nor_plain_yaml_is_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        openapi_documents.parse(text)


def test_json_text_is_read_as_json() -> None:
    whole = document(posted(True))

    assert openapi_documents.parse(json.dumps(whole)) == whole


def test_references_that_are_alike_as_names_have_definitions_of_their_own() -> None:
    one, other = "#/components/schemas/U/properties/A", "#/components/schemas/U.properties.A"
    parts = {
        "U": {"properties": {"A": {"type": "string"}}},
        "U.properties.A": {"type": "integer"},
    }
    schema = {"properties": {"one": {"$ref": one}, "other": {"$ref": other}, "x": {"$ref": one}}}

    (found,) = openapi_documents.webhooks(document(posted(schema), components={"schemas": parts}))

    validator = schemas.compiled(found.schema)
    assert validator.is_valid({"one": "a", "other": 1, "x": "a"})
    assert not validator.is_valid({"one": 1})
    assert not validator.is_valid({"other": "a"})
    assert isinstance(found.schema, dict)
    assert sorted(found.schema["definitions"]) == [
        "components.schemas.U.properties.A",
        "components.schemas.U.properties.A-2",
    ]


@pytest.mark.parametrize("keyword", ["const", "default", "example"])
def test_a_reference_in_data_is_data(keyword: str) -> None:
    data = {"$ref": INVOICE}
    schema = {keyword: data, "enum": [data], "examples": [data, {"a": data}]}

    (found,) = openapi_documents.webhooks(document(posted({"items": schema})))

    assert found.schema == {"items": schema}


@pytest.mark.parametrize("around", ["properties", "patternProperties", "$defs"])
def test_a_name_is_no_keyword(around: str) -> None:
    names = {key: {"$ref": INVOICE} for key in ("const", "default", "properties", "enum")}
    parts = {"schemas": {"Invoice": {"type": "string"}}}

    (found,) = openapi_documents.webhooks(document(posted({around: names}), components=parts))

    assert isinstance(found.schema, dict)
    moved = {"$ref": "#/definitions/components.schemas.Invoice"}
    assert found.schema[around] == dict.fromkeys(names, moved)


def test_integers_of_any_length_are_taken_from_json() -> None:
    schema = {"maximum": 10**29}

    (found,) = openapi_documents.webhooks(document(posted(schema)))

    assert found.schema == schema


def test_parts_inside_each_other_do_not_multiply_without_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openapi_documents, "PARTS", 40)
    node: dict[str, Any] = {"items": [{}] * 5}
    for _ in range(10):
        node = {"not": node}
    refs = [{"$ref": "#/x" + "/not" * level} for level in range(10)]

    with pytest.raises(DocumentError, match="more than 40 lists and objects"):
        openapi_documents.webhooks(document(posted({"allOf": refs}), x=node))
