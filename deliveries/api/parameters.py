"""What the query strings of the read side ask for; a bad value is 422 with its name."""

import re
from collections.abc import Collection, Sequence
from uuid import UUID

from django.http import QueryDict

from deliveries.api.message_options import TAG_RULE, is_tag
from deliveries.api.wire_status import WireStatus
from deliveries.models import DeadLetter
from deliveries.queries.attempts import AttemptFilter
from deliveries.queries.dead_letters import ALL, OPEN, LetterFilter
from deliveries.queries.events import EventFilter
from endpoints.api.acting import flag
from endpoints.api.scoping import get_endpoint, id_of
from endpoints.models import Tenant
from webhooks_platform.api.errors import FieldError
from webhooks_platform.api.pagination import NAME
from webhooks_platform.lib import ids

# `event_types=a,b`, `event_types[]=a&event_types[]=b` and `event_types[0]=a` mean the same.
LISTED = re.compile(r"\[\d*\]$")
STATUS_CODE_CLASSES = (0, 100, 200, 300, 400, 500)


def with_content(query: QueryDict) -> bool:
    """Read whether payloads or responses are wanted; raw HTTP gets them, SDKs ask for them."""
    return flag(query, "with_content", default=True)


def read_event_filter(query: QueryDict, types: str = "event_types") -> EventFilter:
    """Read the event types in their three spellings, `channel` and `tag`."""
    named = [
        name
        for parameter, values in query.lists()
        if LISTED.sub("", parameter) == types
        for value in values
        for name in value.split(",")
        if name
    ]
    channel = query.get("channel") or None
    _check_names(types, named)
    _check_names("channel", [channel] if channel else [])
    return EventFilter(tuple(dict.fromkeys(named)), channel, _read_tag(query))


def _read_tag(query: QueryDict) -> str | None:
    tag = query.get("tag") or None
    if tag is not None and not is_tag(tag):
        raise FieldError.at("query", "tag", message=TAG_RULE)
    return tag


def _check_names(parameter: str, names: Collection[str]) -> None:
    if not all(NAME.fullmatch(name) for name in names):
        message = "A name has 1 to 256 letters, digits, dashes, underscores and dots."
        raise FieldError.at("query", parameter, message=message)


def read_status(query: QueryDict) -> WireStatus | None:
    """Read `status`, a number of svix's."""
    text = query.get("status")
    if not text:
        return None
    if text not in {str(status.value) for status in WireStatus}:
        raise FieldError.at("query", "status", message="A status is 0, 1, 2, 3 or 4.")
    return WireStatus(int(text))


def read_attempt_filter(query: QueryDict) -> AttemptFilter | None:
    """Read which attempts are wanted; None for a status that no attempt has."""
    status = read_status(query)
    wanted = AttemptFilter(
        succeeded=None if status is None else status is WireStatus.SUCCESS,
        status_code_class=_read_status_code_class(query),
        with_response=with_content(query),
        events=read_event_filter(query),
    )
    return wanted if status in (None, WireStatus.SUCCESS, WireStatus.FAIL) else None


def read_letter_filter(query: QueryDict, tenant: Tenant | None) -> LetterFilter:
    """Read which dead letters are wanted; the endpoint is one of the tenant's, if that is known."""
    reason, decision = query.get("reason") or None, query.get("decision") or OPEN
    _check_choice("reason", reason, DeadLetter.Reason.values)
    _check_choice("decision", decision, [OPEN, ALL, *DeadLetter.Decision.values])
    return LetterFilter(
        endpoint_id=_read_endpoint(query, tenant),
        event_types=read_event_filter(query, "event_type").event_types,
        reason=reason,
        status_code_class=_read_status_code_class(query),
        decision=decision,
    )


def _read_endpoint(query: QueryDict, tenant: Tenant | None) -> UUID | None:
    text = query.get("endpoint_id")
    if not text:
        return None
    if tenant is not None:
        return get_endpoint(tenant, text, deleted=True).id
    found = id_of(ids.ENDPOINT, text)
    if found is None:
        message = "Across applications an endpoint is named by its id, ep_…"
        raise FieldError.at("query", "endpoint_id", message=message)
    return found


def _check_choice(name: str, value: str | None, choices: Sequence[str]) -> None:
    if value is not None and value not in choices:
        raise FieldError.at("query", name, message=f"Is one of {', '.join(choices)}.")


def _read_status_code_class(query: QueryDict) -> int | None:
    text = query.get("status_code_class")
    if not text:
        return None
    if text not in {str(lowest) for lowest in STATUS_CODE_CLASSES}:
        message = "A class of statuses is 0, 100, 200, 300, 400 or 500."
        raise FieldError.at("query", "status_code_class", message=message)
    return int(text)
