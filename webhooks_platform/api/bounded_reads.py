"""Reads that give up in time: no question holds a thread of the API for long."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from webhooks_platform.api import errors

#: For one statement; a page takes milliseconds, also under load some hundred.
SECONDS = 5.0

P = ParamSpec("P")
View = TypeVar("View")
Answer = TypeVar("Answer")


def bounded(
    get: Callable[Concatenate[View, P], Answer],
) -> Callable[Concatenate[View, P], Answer]:
    """Let a view that only reads answer 503 when a statement of it takes SECONDS."""

    @wraps(get)
    def within(view: View, /, *args: P.args, **options: P.kwargs) -> Answer:
        try:
            with transaction.atomic():
                _set_timeout(f"{round(SECONDS * 1000)}")
                answer = get(view, *args, **options)
                _set_timeout("DEFAULT")
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                detail = "This takes too long; ask for less, with a filter or a shorter time."
                raise errors.unavailable(detail) from None
            raise
        return answer

    return within


def _set_timeout(milliseconds: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout TO {milliseconds}")
