"""Why something is not delivered again; each error is raised with nothing changed.

ReplayRefusedError
  PayloadGoneError
  EndpointDisabledError
"""

from uuid import UUID

from django.db import connection

from endpoints.models import Endpoint

LOCK_PAYLOAD = """
SELECT payload IS NOT NULL AND coalesce(payload_expires_at > clock_timestamp(), true)
FROM event WHERE id = %s FOR NO KEY UPDATE
"""
# Shared: many replays may run, but none while somebody disables the endpoint.
LOCK_ENDPOINT = """
SELECT disabled_at IS NULL AND deleted_at IS NULL FROM endpoint WHERE id = %s FOR SHARE
"""


class ReplayRefusedError(Exception):
    """A delivery cannot be made again."""


class PayloadGoneError(ReplayRefusedError):
    """The event's payload has expired or was expunged."""


class EndpointDisabledError(ReplayRefusedError):
    """The endpoint is disabled, and nothing is sent to it."""


def lock_payload(event_id: UUID) -> None:
    """Lock the event's row, by which resends and an expunge of one event come one by one."""
    if not _holds(LOCK_PAYLOAD, event_id):
        raise PayloadGoneError("The payload of the event is gone.")


def check_receives(endpoint: Endpoint) -> None:
    """Keep the endpoint from being disabled until the transaction ends; raise if it is."""
    if not _holds(LOCK_ENDPOINT, endpoint.id):
        raise EndpointDisabledError("The endpoint is disabled.")


def _holds(question: str, row_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, [row_id])
        row = cursor.fetchone()
    return bool(row and row[0])
