"""What the bare ASGI doors have in common: the exchange, its errors, and who is calling.

They use the same parser, keys, scopes and errors as the views that Django serves.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg

from deliveries.api.publish_headers import PublishHeaders, read_headers
from deliveries.api.submission import Submission
from deliveries.publish import (
    Accepted,
    OverloadedError,
    Publication,
    PublishError,
    UnavailableError,
    find_earlier,
)
from endpoints import bearer
from endpoints.api.permissions import check
from endpoints.catalogues import Catalogue, Catalogues
from endpoints.models import ApiKey
from endpoints.principals import Principal
from webhooks_platform.api import errors
from webhooks_platform.api.asgi_exchange import (
    DisconnectedError,
    Receive,
    Scope,
    Send,
    answer,
    answer_error,
    read_body,
)
from webhooks_platform.api.errors import ApiError
from webhooks_platform.api.exceptions import log_unexpected
from webhooks_platform.api.hosts import check_host
from webhooks_platform.api.parsing import check_content_type
from webhooks_platform.api.request_ids import HEADER as REQUEST_ID
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection
from webhooks_platform.lib.reconnecting import Reconnecting

ACCEPTED = 202
_T = TypeVar("_T")


class Door(ABC):
    """Answers one POST route on one event loop."""

    def __init__(self, keys: Reconnecting) -> None:
        """`keys` is the connection on which API keys are looked up."""
        self._keys = keys
        self._catalogues = Catalogues()

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: str) -> None:
        """Answer one request; `app` is the tenant's id or uid in the path."""
        headers = read_headers(scope["headers"])
        own: UUID | None = None
        try:
            body = await read_body(receive, self.limit())
            principal = await self._admit(headers)
            own = ids.new()
            submission = Submission(
                scope["path"], scope["query_string"], headers, principal, app, body, own
            )
            accepted = await self.accept(submission)
        except DisconnectedError:
            await answer_error(send, errors.incomplete(), _named(headers, own or ids.new()))
        except Exception as error:
            await answer_error(send, _told(error), _named(headers, own or ids.new()))
        else:
            await answer(send, ACCEPTED, accepted, _named(headers, own))

    @abstractmethod
    def limit(self) -> int:
        """Return how many bytes a body may have."""

    @abstractmethod
    async def accept(self, submission: Submission) -> bytes:
        """Store what is published and return the answer's body; raise ApiError, PublishError."""

    async def _admit(self, headers: PublishHeaders) -> Principal:
        """Return the caller; the scope is judged before anything that he asks for."""
        check_host(headers.host)
        token = bearer.token_of(headers.authorization)
        principal = bearer.recall(token) or await self._look_up(token)
        check(principal, ApiKey.Scope.PUBLISH)
        check_content_type(headers.content_type)
        return principal

    async def catalogue_of(self, principal: Principal) -> Catalogue:
        """Return what the organization's publishes are checked by."""
        organization_id = principal.organization_id
        found = self._catalogues.recall(organization_id)
        if found is not None:
            return found
        return await self._asked(partial(self._catalogues.load, organization_id))

    async def find_earlier(self, publication: Publication) -> Accepted | None:
        """Return what the same request stored before under its idempotency key."""
        return await self._asked(lambda connection: find_earlier(connection, publication))

    async def _look_up(self, token: str) -> Principal:
        return await self._asked(partial(bearer.authenticate_async, token))

    async def _asked(self, question: Callable[[Connection], Awaitable[_T]]) -> _T:
        """Ask the database; once more if the connection, unused for a while, turns out dead."""
        try:
            try:
                return await question(await self._keys.get())
            except psycopg.OperationalError:
                if not self._keys.is_broken:
                    raise
            return await question(await self._keys.get())
        except psycopg.OperationalError:
            raise errors.unavailable() from None


def _named(headers: PublishHeaders, own: UUID) -> dict[str, str]:
    return {REQUEST_ID: headers.request_id or own.hex}


def _told(error: Exception) -> ApiError:
    """Return what the client is told of an exception."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, OverloadedError | UnavailableError):
        return errors.unavailable()
    if not isinstance(error, PublishError):
        log_unexpected(error)
    return errors.server_error()
