"""Whether a publish is one that its organization and tenant take: event type and schema."""

from collections.abc import Iterator
from typing import Any

from deliveries.api.message_in import MessageIn
from deliveries.publish import Publication
from endpoints import schemas
from endpoints.catalogues import Catalogue
from webhooks_platform.api.errors import Fault, fault
from webhooks_platform.lib.strict_json import StrictJSONError, decode

KIND = "schema"
UNKNOWN = "unknown_event_type"
_TEXT = ("transformationsParams", "rawPayload")


def faults(catalogue: Catalogue, publication: Publication, message: MessageIn) -> list[Fault]:
    """Return what stands against a publish; empty if it may be stored."""
    tenant = publication.tenant_id or publication.tenant_uid or ""
    if catalogue.refuses(message.event_type, tenant):
        return [_unknown(catalogue, message.event_type)]
    return list(_violations(catalogue, message))


def _unknown(catalogue: Catalogue, event_type: str) -> Fault:
    text = f"The event type {event_type} is not in the catalogue"
    near = ", ".join(catalogue.nearest(event_type))
    message = f"{text}; do you mean {near}?" if near else f"{text}."
    return fault(("body", "eventType"), message, UNKNOWN)


def _violations(catalogue: Catalogue, message: MessageIn) -> Iterator[Fault]:
    validator = catalogue.validator(message.event_type)
    if validator is None:
        return
    place = ("body", "payload") if message.is_object else ("body", *_TEXT)
    if validator.compiled is None:
        text = f"The schema of version {validator.version} cannot be used; it has to be set anew."
        yield fault(place, text, KIND)
        return
    try:
        payload: Any = decode(message.payload)
    except StrictJSONError as error:
        yield fault(place, f"Must be JSON, as the event type has a schema: {error.message}", KIND)
        return
    found = schemas.violations(validator.compiled, payload, version=validator.version)
    for violation in found:
        yield fault((*place, *violation.path), violation.message, KIND)
