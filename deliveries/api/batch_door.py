"""`POST /api/v1/app/{app_id}/msg/batch`: publish up to 1,000 events, each good or bad by itself."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import orjson
from django.conf import settings

from deliveries.api.batch_in import BatchIn, parse_batch
from deliveries.api.catalogue_check import faults
from deliveries.api.door import Door
from deliveries.api.message_out import render
from deliveries.api.publish_door import LARGE_BYTES, REFUSALS
from deliveries.api.publish_request import (
    NO_APPLICATION,
    idempotency_of,
    make_publication,
    wants_content,
)
from deliveries.api.submission import Submission
from deliveries.publish import (
    Accepted,
    BatchPublisher,
    KeyUsedError,
    NoTenantError,
    Outcome,
    Publication,
    Refused,
)
from endpoints.catalogues import Catalogue
from webhooks_platform.api import errors
from webhooks_platform.api.rendering import to_json
from webhooks_platform.lib import ids
from webhooks_platform.lib.reconnecting import Reconnecting

MAX_BODY = 8 * 1_048_576
_P = ParamSpec("_P")
_T = TypeVar("_T")
_TOO_LARGE = {"code": "payload_too_large", "detail": errors.too_large().detail}


class BatchDoor(Door):
    """Answers with one entry for each message, once all good ones are committed."""

    def __init__(self, keys: Reconnecting, publisher: BatchPublisher) -> None:
        super().__init__(keys)
        self._publisher = publisher

    def limit(self) -> int:
        return MAX_BODY

    async def accept(self, submission: Submission) -> bytes:
        with_content = wants_content(submission.query)
        key_id, fingerprint = idempotency_of(submission)
        largest: int = settings.ENVIRONMENT.WEBHOOKS_MAX_BODY
        run = asyncio.to_thread if len(submission.body) > LARGE_BYTES else _at_once
        batch = await run(parse_batch, submission.body, largest=largest)
        named = submission.headers._replace(request_id=submission.request_id)
        member = submission._replace(headers=named)
        publications = {
            index: make_publication(member, message, ids.new())
            for index, message in batch.messages.items()
        }
        catalogue = await self.catalogue_of(submission.principal)
        await run(_check, catalogue, batch, publications)

        def shown(outcomes: Mapping[UUID, Outcome]) -> bytes:
            return _render(batch, publications, outcomes, with_content=with_content)

        try:
            return await self._publisher.publish(
                list(publications.values()), shown, key_id=key_id, fingerprint=fingerprint
            )
        except NoTenantError:
            raise errors.not_found(NO_APPLICATION) from None
        except KeyUsedError:
            raise errors.conflict(REFUSALS[Refused.KEY_USED]) from None


async def _at_once(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do what takes less than handing it to a thread and back would hold others up."""
    return work(*args, **kwargs)


def _check(catalogue: Catalogue, batch: BatchIn, publications: dict[int, Publication]) -> None:
    """Move what the organization or the tenant does not take to the bad messages."""
    for index in list(publications):
        if found := faults(catalogue, publications[index], batch.messages[index]):
            batch.refuse(index, found)
            del publications[index]


def _render(
    batch: BatchIn,
    publications: dict[int, Publication],
    outcomes: Mapping[UUID, Outcome],
    *,
    with_content: bool,
) -> bytes:
    entries: dict[int, dict[str, Any]] = {
        index: {"error": {"code": "validation_error", "detail": faults}}
        for index, faults in batch.faults.items()
    }
    entries |= {index: {"error": _TOO_LARGE} for index in batch.too_large}
    for index, publication in publications.items():
        outcome = outcomes.get(publication.event_id, Refused.UID_USED)
        is_object = batch.messages[index].is_object
        entries[index] = _entry(outcome, with_content=with_content, is_object=is_object)
    return to_json({"data": [{"index": index, **entries[index]} for index in sorted(entries)]})


def _entry(outcome: Outcome, *, with_content: bool, is_object: bool) -> dict[str, Any]:
    if isinstance(outcome, Accepted):
        message = render(outcome, with_content=with_content, is_object=is_object)
        return {"message": orjson.Fragment(message)}
    return {"error": {"code": "conflict", "detail": REFUSALS[outcome]}}
