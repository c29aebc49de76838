"""From a path to the event, endpoint or attempt of the caller's tenant; for others it is 404."""

from rest_framework.request import Request

from deliveries.models import Attempt, DeadLetter, Event, Replay
from deliveries.queries import attempts, events
from endpoints.api.authentication import caller
from endpoints.api.scoping import get_tenant, id_of
from endpoints.models import Tenant
from webhooks_platform.api.errors import not_found
from webhooks_platform.lib import ids


def tenant_of(request: Request, app_id: str) -> Tenant:
    """Return the tenant of the path, if the caller's key reaches it."""
    return get_tenant(caller(request), app_id)


def get_event(tenant: Tenant, msg_id: str, *, with_payload: bool = False) -> Event:
    """Return the tenant's event with that id or `eventId`."""
    event = events.find(tenant.id, msg_id, with_payload=with_payload)
    if event is None:
        raise not_found()
    return event


def get_attempt(event: Event, attempt_id: str) -> Attempt:
    """Return that attempt to deliver the event."""
    wanted = id_of(ids.ATTEMPT, attempt_id)
    attempt = attempts.find(event, wanted) if wanted else None
    if attempt is None:
        raise not_found()
    return attempt


def get_letter(tenant: Tenant, letter_id: str) -> DeadLetter:
    """Return that dead letter of the tenant."""
    wanted = id_of(ids.DEAD_LETTER, letter_id)
    letter = DeadLetter.objects.filter(id=wanted, tenant_id=tenant.id).first() if wanted else None
    if letter is None:
        raise not_found()
    return letter


def get_replay(tenant: Tenant, replay_id: str) -> Replay:
    """Return that replay of the tenant."""
    wanted = id_of(ids.REPLAY, replay_id)
    job = Replay.objects.filter(id=wanted, tenant_id=tenant.id).first() if wanted else None
    if job is None:
        raise not_found()
    return job
