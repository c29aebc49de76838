"""Paths that nobody but a person or a browser asks for."""

import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("typed", "page"),
    [("/admin", "/admin/"), ("/admin?next=x", "/admin/?next=x"), ("/docs/", "/docs")],
)
def test_a_page_is_found_with_and_without_the_slash(client: Client, typed: str, page: str) -> None:
    answer = client.get(typed)

    assert (answer.status_code, answer["location"]) == (302, page)


def test_a_browser_finds_no_fault_with_a_missing_icon(client: Client) -> None:
    answer = client.get("/favicon.ico")

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("path", ["/api/v1/app", "/api/v1/app/", "/api/v1/nowhere/", "/api"])
def test_the_api_never_redirects(client: Client, path: str) -> None:
    assert client.get(path).status_code in {401, 404}


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/ingest/api/v1/source"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_program_that_is_lost_is_told_so_in_json(client: Client, path: str, method: str) -> None:
    answer = getattr(client, method)(path)

    assert (answer.status_code, answer.json()) == (
        404,
        {"code": "not_found", "detail": "Entity not found"},
    )
