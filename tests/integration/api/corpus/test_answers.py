"""What the SDKs rely on: pages that end, answers with bodies, and 500 in the form of all errors."""

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from rest_framework.views import APIView

from tests.integration.api.corpus.conftest import EACH, Complaints, World, filled, is_error
from tests.integration.api.operations import lists, routed


def key_of(row: dict[str, Any]) -> Any:
    return row.get("id") or row.get("endpointId") or row["name"]


def test_done_is_true_on_the_last_page_only(world: World, complaints: Complaints) -> None:
    for operation in lists():
        whole = world.send(operation, params={"limit": 250}).json()
        wanted = [key_of(row) for row in whole["data"]]
        if len(wanted) < EACH or not whole["done"]:
            complaints.append(f"{operation}: {len(wanted)} rows, done {whole['done']}")
            continue
        seen, ends = walked(world, operation)
        if seen != wanted or ends != [False] * (len(wanted) - 1) + [True]:
            complaints.append(f"{operation}: {seen} and {ends} instead of {wanted}")


def walked(world: World, operation: Any) -> tuple[list[Any], list[bool]]:
    """Return the rows of all pages of one row, and whether each said that it is the last."""
    seen, ends, query = [], [], {"limit": "1"}
    while len(seen) < 50:
        page = world.send(operation, params=query).json()
        assert "iterator" in page
        seen += [key_of(row) for row in page["data"]]
        ends.append(page["done"])
        if page["done"]:
            break
        query = {"limit": "1", "iterator": page["iterator"]}
    return seen, ends


def test_pages_go_back_as_they_came(world: World, complaints: Complaints) -> None:
    for operation in lists():
        first = world.send(operation, params={"limit": 1}).json()
        second = world.send(operation, params={"limit": 1, "iterator": first["iterator"]}).json()
        back = world.send(operation, params={"limit": 1, "iterator": second["prevIterator"]}).json()
        if back["data"] != first["data"] and "background-task" not in operation.path:
            complaints.append(f"{operation}: {back} instead of {first}")


def test_a_name_may_begin_with_a_dash(world: World) -> None:
    """In an iterator that would mean: go back."""
    for name in ("-a", "-b"):
        body = {"name": name, "description": ""}
        assert world.http.post("/api/v1/event-type", json=body).status_code == 201

    page = world.http.get("/api/v1/event-type", params={"limit": 1}).json()
    following = {"limit": 1, "iterator": page["iterator"]}
    second = world.http.get("/api/v1/event-type", params=following).json()
    assert [page["data"][0]["name"], second["data"][0]["name"]] == ["-a", "-b"]


def test_resend_answers_with_an_object(world: World) -> None:
    path = "/api/v1/app/alice/msg/order-0/endpoint/hook-0/resend"
    answer = world.http.post(path, headers={"idempotency-key": "auto_1"})

    assert (answer.status_code, answer.json()) == (202, {})


def test_rotate_answers_with_the_key(world: World) -> None:
    path = "/api/v1/app/alice/endpoint/hook-0/secret"
    answer = world.http.post(f"{path}/rotate", json={})

    assert answer.status_code == 200
    assert answer.json() == world.http.get(path).json()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"featureFlag": "a"}, ("a", ["a"])),
        ({"featureFlags": ["a", "b"]}, ("a", ["a", "b"])),
        ({"featureFlag": "x", "featureFlags": ["a"]}, ("a", ["a"])),
        ({"featureFlag": None}, (None, [])),
    ],
)
def test_both_spellings_of_feature_flags_are_kept(
    world: World, sent: dict[str, Any], shown: tuple[str | None, list[str]]
) -> None:
    body = {"name": "flagged", "description": "", **sent}
    world.http.post("/api/v1/event-type", json=body).raise_for_status()

    found = world.http.get("/api/v1/event-type/flagged").json()
    assert (found["featureFlag"], found["featureFlags"]) == shown


@pytest.mark.parametrize("where", ["initial", "finalize_response"])
def test_an_unforeseen_error_is_500_in_json_and_tells_nothing(world: World, where: str) -> None:
    """In a view, and where DRF no longer catches it; the doors have tests of their own."""
    client = Client(raise_request_exception=False)
    asked = 0
    with patch.object(APIView, where, side_effect=RuntimeError("whsec_secret")):
        for path, methods in routed().items():
            if path.startswith(("/health", "/openapi")):
                continue
            for method in methods - {"POST"}:
                answer = client.generic(method, filled(path, world.names))
                asked += 1
                body = answer.json()
                assert (answer.status_code, is_error(500, body)) == (500, True), path
                assert body["code"] == "server_error"
                assert "whsec" not in str(body)
    assert asked > 40
