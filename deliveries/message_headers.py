"""Headers that a publisher gives to one message: judged, sealed with the event, opened to send.

They may carry credentials, so they rest like an endpoint's. The rules are an endpoint's too, but
for `Content-Type`: it says what the publisher's own bytes are.
"""

import json
import re
from collections.abc import Iterable
from uuid import UUID

from endpoints.header_policy import HeaderFault, check_headers, value_fault
from webhooks_platform.lib import keyring

Headers = tuple[tuple[str, str], ...]

CONTENT_TYPE = "content-type"
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}(?:[ \t]*;[\t\x20-\x7e]*)?")


def check(headers: Headers) -> list[HeaderFault]:
    """Return every fault; empty means that they may be sent."""
    described = [header for header in headers if header[0].lower() == CONTENT_TYPE]
    faults = check_headers(header for header in headers if header[0].lower() != CONTENT_TYPE)
    if len(described) > 1:
        faults.append(HeaderFault(described[1][0], "the header appears twice"))
    for name, value in described:
        message = value_fault(value)
        if message is None and not _MEDIA_TYPE.fullmatch(value):
            message = "the value is no media type, such as text/plain; charset=utf-8"
        if message is not None:
            faults.append(HeaderFault(name, message))
    return faults


def seal(headers: Iterable[tuple[str, str]], *, event_id: UUID) -> bytes:
    """Return what to store with the event."""
    return keyring.configured().seal(json.dumps(list(headers)), bound_to=event_id)


def opened(token: bytes, *, event_id: UUID) -> Headers:
    """Return the stored headers; raise KeyringError if they cannot be decrypted."""
    text = keyring.configured().open(token, bound_to=event_id)
    return tuple((name, value) for name, value in json.loads(text))


def split(headers: Headers) -> tuple[str | None, Headers]:
    """Return the content type, if it is among them, and the other headers."""
    described = next((value for name, value in headers if name.lower() == CONTENT_TYPE), None)
    return described, tuple(header for header in headers if header[0].lower() != CONTENT_TYPE)
