"""Why something is not delivered again; each error is raised with nothing changed.

ReplayRefusedError
  PayloadGoneError
  EndpointDisabledError
    EndpointDeletedError
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from endpoints.models import Endpoint

LOCK_PAYLOAD = """
SELECT payload IS NOT NULL AND coalesce(payload_expires_at > clock_timestamp(), true),
       payload_expires_at
FROM event WHERE id = %s FOR NO KEY UPDATE
"""
# Shared: many replays may run, but none while somebody disables the endpoint.
LOCK_ENDPOINT = """
SELECT deleted_at IS NOT NULL, disabled_at IS NOT NULL FROM endpoint WHERE id = %s FOR SHARE
"""


class ReplayRefusedError(Exception):
    """A delivery cannot be made again."""


class PayloadGoneError(ReplayRefusedError):
    """The event's payload has expired or was expunged."""


class EndpointDisabledError(ReplayRefusedError):
    """The endpoint is disabled, and nothing is sent to it."""


class EndpointDeletedError(EndpointDisabledError):
    """The endpoint is deleted, and nothing will be sent to it again."""


def lock_payload(event_id: UUID) -> None:
    """Lock the event's row, by which resends and an expunge of one event come one by one."""
    found = _row(LOCK_PAYLOAD, event_id)
    if found is None:
        raise PayloadGoneError("The event is not kept any more.")
    kept, expired_at = found
    if not kept:
        raise PayloadGoneError(f"The payload of the event {payload_end(expired_at)}.")


def payload_end(expired_at: datetime | None) -> str:
    """Return what became of a payload that is gone; only an expunged one has no time."""
    if expired_at is None:
        return "was expunged"
    return f"was emptied when its retention ended, {expired_at:%Y-%m-%d %H:%M:%S} UTC"


def check_receives(endpoint: Endpoint) -> None:
    """Keep the endpoint from being disabled until the transaction ends; raise if it is."""
    deleted, disabled = _row(LOCK_ENDPOINT, endpoint.id) or (True, True)
    if deleted:
        raise EndpointDeletedError("The endpoint was deleted; nothing is sent to it any more.")
    if disabled:
        raise EndpointDisabledError("The endpoint is disabled.")


def _row(question: str, row_id: UUID) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(question, [row_id])
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found
