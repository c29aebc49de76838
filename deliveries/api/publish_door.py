"""`POST /api/v1/app/{app_id}/msg`: publish one event.

A DRF view takes 3 ms of CPU for a publish, this bare ASGI callable about a twentieth.
"""

import asyncio

from django.conf import settings

from deliveries.api.catalogue_check import faults
from deliveries.api.door import Door
from deliveries.api.message_in import MessageIn, parse_message
from deliveries.api.message_out import render
from deliveries.api.new_tenant import create_tenant
from deliveries.api.publish_request import (
    NO_APPLICATION,
    idempotency_of,
    make_publication,
    wants_content,
)
from deliveries.api.submission import Submission
from deliveries.publish import Accepted, Outcome, Publication, Publisher, Refused
from endpoints.principals import Principal
from webhooks_platform.api import errors
from webhooks_platform.api.errors import Fault
from webhooks_platform.lib.reconnecting import Reconnecting

#: A longer body is checked in a thread: it can take a second, and others publish meanwhile.
LARGE_BYTES = 65_536

REFUSALS = {
    Refused.UID_USED: "An event with this eventId already exists",
    Refused.KEY_USED: "The idempotency key was used for another request",
}


class PublishDoor(Door):
    """Answers with the MessageOut once it is committed."""

    def __init__(self, keys: Reconnecting, publisher: Publisher) -> None:
        super().__init__(keys)
        self._publisher = publisher

    def limit(self) -> int:
        limit: int = settings.ENVIRONMENT.WEBHOOKS_MAX_BODY
        return limit

    async def accept(self, submission: Submission) -> bytes:
        principal, body = submission.principal, submission.body
        with_content = wants_content(submission.query)
        key_id, fingerprint = idempotency_of(submission)
        if len(body) > LARGE_BYTES:
            message = await asyncio.to_thread(parse_message, body)
        else:
            message = parse_message(body)
        publication = make_publication(
            submission, message, submission.own, key_id=key_id, fingerprint=fingerprint
        )
        outcome = await self._earlier(principal, publication, message)
        if outcome is None:
            outcome = await self._publisher.publish(publication)
        if outcome is Refused.NO_TENANT and message.application is not None:
            asked = submission.request_id
            await create_tenant(principal, submission.app, message.application, asked)
            outcome = await self._publisher.publish(publication)
        event = _accepted(outcome)
        return render(event, with_content=with_content, is_object=message.is_object)

    async def _earlier(
        self, principal: Principal, publication: Publication, message: MessageIn
    ) -> Outcome | None:
        """Raise the 422 for what the organization or the tenant does not take.

        It may have taken it before: a repeat gets the first answer, whatever has changed since.
        """
        found = await self._faults(principal, publication, message)
        if not found:
            return None
        outcome = await self.find_earlier(publication) if publication.key_id else None
        if outcome is None:
            raise errors.FieldError(found)
        return outcome

    async def _faults(
        self, principal: Principal, publication: Publication, message: MessageIn
    ) -> list[Fault]:
        catalogue = await self.catalogue_of(principal)
        if len(message.payload) > LARGE_BYTES:
            return await asyncio.to_thread(faults, catalogue, publication, message)
        return faults(catalogue, publication, message)


def _accepted(outcome: Outcome) -> Accepted:
    """Return the committed event; raise 404 or 409."""
    if isinstance(outcome, Accepted):
        return outcome
    if outcome is Refused.NO_TENANT:
        raise errors.not_found(NO_APPLICATION)
    raise errors.conflict(REFUSALS[outcome])
