"""The headers a tenant adds to its deliveries: sealed at rest, credentials never shown.

Names keep their case and are told apart without it.
"""

import json
from collections.abc import Collection, Mapping, Sequence

from endpoints.header_policy import SENSITIVE_NAMES, HeaderFault, check_headers
from endpoints.models import Endpoint
from webhooks_platform.lib import keyring

Headers = Sequence[tuple[str, str]]


class HeadersNotAllowedError(ValueError):
    """Some headers cannot be sent; `faults` says which and why, without values."""

    def __init__(self, faults: Sequence[HeaderFault]) -> None:
        super().__init__("; ".join(f"{fault.name}: {fault.message}" for fault in faults))
        self.faults = faults


def sealed(endpoint: Endpoint, headers: Headers) -> bytes | None:
    """Return what to store for `headers`, None for none; raise HeadersNotAllowedError."""
    faults = check_headers(headers)
    if faults:
        raise HeadersNotAllowedError(faults)
    if not headers:
        return None
    return keyring.configured().seal(json.dumps(list(headers)), bound_to=endpoint.id)


def opened(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return the stored headers; raise KeyringError if they cannot be decrypted."""
    if endpoint.headers is None:
        return []
    text = keyring.configured().open(endpoint.headers, bound_to=endpoint.id)
    return [(name, value) for name, value in json.loads(text)]


def merged(headers: Headers, changes: Mapping[str, str], deleted: Collection[str]) -> Headers:
    """Return `headers` without those in `deleted` and with `changes` set over them."""
    gone = {name.lower() for name in (*deleted, *changes)}
    kept = [(name, value) for name, value in headers if name.lower() not in gone]
    return [*kept, *changes.items()]


def split_sensitive(headers: Headers) -> tuple[dict[str, str], list[str]]:
    """Return the headers that may be shown, and the names alone of those that may not."""
    shown = {name: value for name, value in headers if name.lower() not in SENSITIVE_NAMES}
    return shown, [name for name, _ in headers if name.lower() in SENSITIVE_NAMES]
