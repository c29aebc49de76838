"""A list or a count that would take long is given up."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from endpoints.models import Endpoint
from tests.integration.endpoints.conftest import Api
from webhooks_platform.api import bounded_reads


@pytest.fixture
def slow() -> Iterator[None]:
    """Let the statements that read many rows take five seconds more."""

    def slowed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if any(sign in sql for sign in ("ORDER BY", "count(*)")):
            execute("SELECT pg_sleep(5)", None, False, context)
        return execute(sql, params, many, context)

    with patch.object(bounded_reads, "SECONDS", 0.1), connection.execute_wrapper(slowed):
        yield


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    "path",
    [
        "/app/alice/msg",
        "/app/alice/attempt/endpoint/hook",
        "/app/alice/endpoint/hook/msg",
        "/app/alice/endpoint/hook/stats",
        "/app/alice/dead-letter",
        "/app/alice/dead-letter/summary",
        "/dead-letter",
        "/app/alice/audit",
        "/audit",
    ],
)
def test_what_takes_too_long_is_answered_with_try_again(
    api: Api, endpoint: Endpoint, path: str
) -> None:
    answer = api.send("GET", path)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {
        "code": "unavailable",
        "detail": "This takes too long; ask for less, with a filter or a shorter time.",
    }


def test_the_bound_ends_with_the_read(api: Api, endpoint: Endpoint) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()

        api("GET", "/app/alice/dead-letter", status=200)

        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before
