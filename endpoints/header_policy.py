"""Which headers a tenant may add to its deliveries.

Judged twice: when saved, for an answer that names each fault, and when sent, because a row may
have come another way. Denied is what frames the request (RFC 9112), what is the platform's own,
what hop-by-hop machinery reads, and what clouds' load balancers trust.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

HEADERS_MAX: Final = 20
NAME_MAX: Final = 64  # Characters.
VALUE_MAX: Final = 4096  # Bytes; only ASCII is allowed, so characters too.

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")

DENIED_NAMES: Final = frozenset(
    {
        "accept-encoding",
        "age",
        "cache-control",
        "clear-site-data",
        "connection",
        "cookie",
        "cookie2",
        "expect",
        "expires",
        "host",
        "http2-settings",
        "keep-alive",
        "pragma",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "warning",
    }
)
DENIED_PREFIXES: Final = (
    "content-",
    "proxy-",
    "svix-",
    "webhook-",
    "x-amz-",
    "x-amzn-",
    "x-azure-",
    "x-fd-",
    "x-gfe",
    "x-goog-",
    "x-google",
    "x-svix-",
)
#: Sent by the platform unless a tenant sets them; a signature cannot be named like them.
OWN_NAMES: Final = frozenset({"accept", "authorization"})
#: Shown as present, never with their value.
SENSITIVE_NAMES: Final = frozenset(
    {
        "authorization",
        "proxy-authenticate",
        "proxy-authorization",
        "www-authenticate",
        "x-api-key",
        "x-auth-token",
    }
)


@dataclass(frozen=True, slots=True)
class HeaderFault:
    """Why one header, or the set of them (`name` empty), is refused; never shows a value."""

    name: str
    message: str


def check_headers(headers: Iterable[tuple[str, str]]) -> list[HeaderFault]:
    """Return every fault of a tenant's headers, in their order; empty means they may be sent."""
    faults: list[HeaderFault] = []
    seen: set[str] = set()
    count = 0
    for count, (name, value) in enumerate(headers, start=1):  # noqa: B007 - read after the loop.
        message = name_fault(name) or value_fault(value)
        if message is None and name.lower() in seen:
            message = "the header appears twice; case does not tell headers apart"
        if message is not None:
            faults.append(HeaderFault(name, message))
        seen.add(name.lower())
    if count > HEADERS_MAX:
        faults.append(HeaderFault("", f"at most {HEADERS_MAX} headers are allowed"))
    return faults


def name_fault(name: str) -> str | None:
    """Say why a tenant may not choose this name, for a header or for its signature; or None."""
    if len(name) > NAME_MAX:
        return f"the name is longer than {NAME_MAX} characters"
    if not _TOKEN.fullmatch(name):
        return "the name is not a header name (letters, digits and !#$%&'*+-.^_`|~)"
    lower = name.lower()
    if lower in DENIED_NAMES or lower.startswith(DENIED_PREFIXES):
        return "the name is reserved"
    return None


def value_fault(value: str) -> str | None:
    """Say why this cannot be a header's value, or None."""
    if len(value) > VALUE_MAX:
        return f"the value is longer than {VALUE_MAX} bytes"
    if not _VALUE.fullmatch(value):
        return "the value contains something else than visible ASCII, spaces and tabs"
    return None
