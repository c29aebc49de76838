"""docs/openapi.json and the Postman collection: as the code has it, complete, and valid."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from dev.api_documents import OPENAPI, texts
from tests.integration.api.operations import Operation, described, operations, routed

every_operation = pytest.mark.parametrize("operation", operations(), ids=str)
#: Answered, and no part of the API that is described: svix's older paths, and the document.
HIDDEN = {
    "/app/{app_id}/msg/{msg_id}/attempt",
    "/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/attempt",
    "/health/ping",
    "/openapi.json",
}


@pytest.mark.parametrize("name", ["openapi.json", "postman_collection.json"])
def test_the_files_are_as_the_code_has_them(name: str) -> None:
    """After a change of the API: `make openapi`."""
    assert (OPENAPI.parent / name).read_text() == texts()[name]


def test_the_document_is_valid_openapi() -> None:
    assert described()["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(described()).iter_errors()) == []


def test_every_route_is_described() -> None:
    known: dict[str, set[str]] = {}
    for operation in operations():
        known.setdefault(operation.path, set()).add(operation.method)

    assert routed().keys() - known.keys() == HIDDEN
    for path, methods in known.items():
        # `batch` could be the name of a message.
        assert methods == routed()[path] or path.endswith("/msg/batch"), path


@every_operation
def test_an_operation_says_what_it_does(operation: Operation) -> None:
    told = operation.described

    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", told["operationId"])
    assert not told["operationId"].startswith("api_v1"), "made up by the generator"
    assert 3 < len(told["summary"]) < 100
    assert told["description"][-1] == "."
    assert len(told["tags"]) == 1
    assert told["tags"] != ["api"], "made up by the generator"
    assert all(parameter.get("description") for parameter in told.get("parameters", ()))


@every_operation
def test_an_operation_names_its_errors(operation: Operation) -> None:
    if operation.described["security"] == []:
        return
    wanted = {"400", "401", "403", "404", "413", "422", "503"}
    if operation.method != "GET":
        wanted.add("409")
    if operation.takes_body:
        wanted.add("415")

    assert wanted <= operation.described["responses"].keys()


def contents(operation: Operation) -> Iterator[Any]:
    body = operation.described.get("requestBody", {}).get("content", {})
    yield from body.values()
    for response in operation.described["responses"].values():
        yield from response.get("content", {}).values()


@pytest.mark.parametrize("name", described()["components"]["responses"])
def test_the_example_of_an_error_fits_its_schema(name: str) -> None:
    media = described()["components"]["responses"][name]["content"]["application/json"]
    schema = {**media["schema"], "components": described()["components"]}

    assert jsonschema_rs.validator_for(schema).is_valid(media["example"])


@every_operation
def test_all_its_examples_fit_their_schemas(operation: Operation) -> None:
    for media in contents(operation):
        schema = {**media["schema"], "components": described()["components"]}
        faults = jsonschema_rs.validator_for(schema).iter_errors(media["example"])
        assert [f"{fault.instance_path}: {fault.message}" for fault in faults] == []


def test_no_two_operations_share_an_id() -> None:
    ids = [operation.described["operationId"] for operation in operations()]

    assert sorted(ids) == sorted(set(ids))


def test_the_collection_has_every_operation_with_its_examples() -> None:
    collection = json.loads(texts()["postman_collection.json"])
    items = [item for folder in collection["item"] for item in folder["item"]]
    found = {
        (each["request"]["method"], "/".join(each["request"]["url"]["path"])) for each in items
    }

    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert found == {
        (operation.method, "api/v1" + re.sub(r"{(\w+)}", r":\1", operation.path))
        for operation in operations()
    }
    for item in items:
        assert item["response"]
        if "body" in item["request"]:
            assert isinstance(json.loads(item["request"]["body"]["raw"]), dict)
    named = {variable["key"] for variable in collection["variable"]}
    assert set(re.findall(r"{{(\w+)}}", json.dumps(collection))) == named
