"""Run a request once for each idempotency key, and repeat its first answer after that.

The key's row is inserted in the transaction of the request itself: it is there if and only if
what the request did is committed. A second request with the key waits at that row for the first.
"""

from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.http import HttpResponse, HttpResponseBase
from psycopg.errors import LockNotAvailable

from webhooks_platform.api.errors import conflict
from webhooks_platform.lib import keyring

#: How long a repeat waits for the first request; after that it is a conflict.
WAIT_MILLISECONDS = 10_000
FIRST_ERROR = 300

_TAKE = """
INSERT INTO idempotency_key (id, fingerprint, created_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING id
"""
_KEEP = "UPDATE idempotency_key SET status = %s, answer = %s WHERE id = %s"
_RECALL = "SELECT fingerprint, status, answer FROM idempotency_key WHERE id = %s"

USED = "The idempotency key was used for another request"
IN_FLIGHT = "The first request with this idempotency key is still in progress"


def run_once(
    key_id: UUID, fingerprint: UUID, run: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Return what `run` answers, or answered when the key was first used.

    All that `run` does is one transaction; an error answer rolls it back and frees the key.
    Raises ApiError 409 for another request under the same key, and for one still in progress.
    """
    with transaction.atomic():
        if not _take(key_id, fingerprint):
            return _recall(key_id, fingerprint)
        response = run()
        if response.status_code < FIRST_ERROR and isinstance(response, HttpResponse):
            _keep(key_id, response)
        else:
            transaction.set_rollback(True)
    return response


def _take(key_id: UUID, fingerprint: UUID) -> bool:
    """Return whether the key is ours; wait for whoever is using it just now."""
    with connection.cursor() as cursor:
        _limit_wait(WAIT_MILLISECONDS)
        try:
            cursor.execute(_TAKE, [key_id, fingerprint])
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise conflict(IN_FLIGHT) from None
            raise
        taken = cursor.fetchone() is not None
        _limit_wait(0)
    return taken


def _limit_wait(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(milliseconds)])


def _keep(key_id: UUID, response: HttpResponse) -> None:
    """Store the answer encrypted: it may hold a secret that is shown once."""
    answer = keyring.configured().seal(response.content, bound_to=key_id)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [response.status_code, answer, key_id])


def _recall(key_id: UUID, fingerprint: UUID) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(_RECALL, [key_id])
        row = cursor.fetchone()
    if row is None or row[0] != fingerprint or row[2] is None:
        raise conflict(USED)
    body = keyring.configured().open(row[2], bound_to=key_id)
    return HttpResponse(body, status=row[1], content_type="application/json")
