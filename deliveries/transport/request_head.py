"""Write a request's head: the framing that is ours, the platform's headers, the tenant's."""

import re
from base64 import b64encode
from functools import lru_cache
from typing import Final

from deliveries.transport.messages import Request
from endpoints.header_policy import check_headers
from endpoints.url_policy import EndpointUrl

# Bodiless methods may not announce a length of 0 to old servers (RFC 9110, 8.6).
_BODILESS: Final = frozenset({"GET", "DELETE"})
METHODS: Final = frozenset({"POST", "PUT", "PATCH", *_BODILESS})
Headers = tuple[tuple[str, str], ...]

_HEADER_LINES: Final = re.compile(
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*"
)


class UnsendableError(ValueError):
    """The request cannot be written; the message says why and shows no value."""


def render_head(request: Request, user_agent: str) -> bytes:
    """Return the request's head with its empty line; raises UnsendableError."""
    fixed, custom_names = _fixed_part(request, user_agent)
    own = b"".join([b"%b: %b\r\n" % header for header in request.headers])
    # The count shows a line break inside a value, which the pattern alone would take for a header.
    if not _HEADER_LINES.fullmatch(own) or own.count(b"\n") != len(request.headers):
        raise UnsendableError("a header of the platform contains a forbidden character")
    if custom_names:
        _refuse_clash(request, custom_names)
    if request.body or request.method not in _BODILESS:
        return b"%b%bContent-Length: %d\r\n\r\n" % (fixed, own, len(request.body))
    return b"%b%b\r\n" % (fixed, own)


def _refuse_clash(request: Request, custom_names: frozenset[bytes]) -> None:
    for name, _ in request.headers:
        if name.lower() in custom_names:
            raise UnsendableError("a custom header has the name of one the platform sends")


def _fixed_part(request: Request, user_agent: str) -> tuple[bytes, frozenset[bytes]]:
    method, url, custom = request.method, request.url, request.custom_headers
    if not request.message_headers:
        return _cached_part(method, url, custom, user_agent)
    if faults := check_headers(request.message_headers):
        raise UnsendableError(f"a header of the message cannot be sent: {faults[0].message}")
    # Another part for each message would drive the endpoints' from the cache.
    return _part(method, url, custom, user_agent, request.message_headers)


def _part(
    method: str, url: EndpointUrl, custom: Headers, user_agent: str, message: Headers = ()
) -> tuple[bytes, frozenset[bytes]]:
    """Return what is the same in every request to an endpoint, and the custom names in it."""
    if method not in METHODS:
        raise UnsendableError("the method is not one the platform sends")
    if faults := check_headers(custom):
        raise UnsendableError(f"a custom header cannot be sent: {faults[0].message}")
    own = {name.lower() for name, _ in message}
    custom = (*(header for header in custom if header[0].lower() not in own), *message)
    names = frozenset(name.lower().encode("ascii") for name, _ in custom)
    lines = [
        f"{method} {url.target} HTTP/1.1",
        f"Host: {url.netloc}",
        f"User-Agent: {user_agent}",
        "Accept-Encoding: identity",
        "Connection: keep-alive",
    ]
    if b"accept" not in names:
        lines.append("Accept: */*")
    if url.userinfo is not None and b"authorization" not in names:
        lines.append(f"Authorization: Basic {_basic(url.userinfo)}")
    lines += [f"{name}: {value}" for name, value in custom]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii"), names


_cached_part = lru_cache(maxsize=4096)(_part)


def _basic(userinfo: tuple[str, str]) -> str:
    return b64encode(":".join(userinfo).encode()).decode("ascii")
