"""What an endpoint's URL may be: parsed once, strictly, into the parts that are sent.

Host spellings are read as browsers read them (WHATWG URL), so `0x7f.1` is an address and not a
name; whatever two parsers could read in two ways is refused. Only this module reads URLs: the
request is built from the parts, so what was judged is what is dialled. Names are not judged
here, and never resolved: address_policy.py judges the addresses they stand for.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import idna

URL_MAX: Final = 4096  # Characters.
NAME_MAX: Final = 253  # Characters of a DNS name without its trailing dot (RFC 1035).
PORT_MAX: Final = 65535
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# A whole URL is cut by this one expression; each part is then judged on its own.
_SHAPE: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)
_FORBIDDEN_ANYWHERE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff\ufeff\ufffe\uffff]")
_AUTHORITY: Final = re.compile(
    r"(?:(?P<userinfo>[^@]*)@)?(?P<host>\[[^\[\]@]*\]|[^:\[\]@]*)(?::(?P<port>[^:@]*))?"
)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ONE_DOT: Final = frozenset({".", "%2e"})
_TWO_DOTS: Final = frozenset({"..", ".%2e", "%2e.", "%2e%2e"})
# What WHATWG leaves alone beyond the unreserved characters; the rest is percent-encoded.
_PATH_SAFE: Final = "/:@!$&'()*+,;=%[]|"
_QUERY_SAFE: Final = "/:@!$&()*+,;=%?[]|^`{}"


class UrlNotAllowed(ValueError):  # noqa: N818 - named like the wire's `url_not_allowed`.
    """The URL cannot be an endpoint's; the message is for the tenant and shows no credentials."""


@dataclass(frozen=True, eq=True)
class EndpointUrl:
    """A URL in canonical parts.

    `host` is a lower-case DNS name in A-labels without a trailing dot, or an address in its
    shortest spelling, without brackets. `target` is path and query as they stand in the request
    line. `userinfo` is a decoded (user, password), sent as Basic credentials and never shown.
    """

    scheme: str
    host: str
    port: int
    target: str
    userinfo: tuple[str, str] | None = field(default=None, repr=False)

    @cached_property
    def netloc(self) -> str:
        """Host and port as in the `Host` header: brackets for IPv6, no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @cached_property
    def display(self) -> str:
        """The canonical URL without credentials, for people and for the API."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    @cached_property
    def stored(self) -> str:
        """The canonical URL with credentials; `parse_url` reads it back unchanged. A secret."""
        if self.userinfo is None:
            return self.display
        user, password = (quote(part, safe="") for part in self.userinfo)
        return f"{self.scheme}://{user}:{password}@{self.netloc}{self.target}"


def parse_url(text: str, *, https_only: bool = False) -> EndpointUrl:
    """Read what a tenant typed; raises UrlNotAllowed saying which part is wrong."""
    if len(text) > URL_MAX:
        raise UrlNotAllowed(f"the URL is longer than {URL_MAX} characters")
    if _FORBIDDEN_ANYWHERE.search(text):
        raise UrlNotAllowed("the URL contains a space, a control character or a backslash")
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise UrlNotAllowed("the URL must begin with https:// or http:// and a host")
    scheme = _scheme(shape["scheme"].lower(), https_only)
    if shape["fragment"] is not None:
        raise UrlNotAllowed("the URL must not have a fragment (#)")
    authority = _AUTHORITY.fullmatch(shape["authority"])
    if authority is None:
        raise UrlNotAllowed("the part between // and the path is not user:password@host:port")
    return EndpointUrl(
        scheme=scheme,
        host=_host(authority["host"]),
        port=_port(authority["port"]) or DEFAULT_PORTS[scheme],
        target=_path(shape["path"]) + quote(shape["query"] or "", safe=_QUERY_SAFE),
        userinfo=_userinfo(authority["userinfo"]),
    )


def _scheme(scheme: str, https_only: bool) -> str:
    if scheme not in DEFAULT_PORTS:
        raise UrlNotAllowed(f"the scheme {scheme!r} is not http or https")
    if https_only and scheme != "https":
        raise UrlNotAllowed("the URL must begin with https://")
    return scheme


def _port(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(PORT_MAX)):
        raise UrlNotAllowed("the port is not a number from 1 to 65535")
    port = int(text)
    if not 1 <= port <= PORT_MAX:
        raise UrlNotAllowed("the port is not a number from 1 to 65535")
    return port


def _userinfo(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    user, _, password = text.partition(":")
    decoded = (_decoded(user), _decoded(password))
    # A colon would move the border to the password in Basic credentials (RFC 7617).
    if ":" in decoded[0]:
        raise UrlNotAllowed("the user name must not contain a colon")
    return decoded if any(decoded) else None


def _decoded(text: str) -> str:
    if _ESCAPE.search(text):
        raise UrlNotAllowed("the user name or password has a % that escapes nothing")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise UrlNotAllowed("the user name or password is not UTF-8") from None
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in decoded):  # noqa: PLR2004
        raise UrlNotAllowed("the user name or password contains a control character")
    return decoded


def _path(text: str) -> str:
    """Return the path escaped and without dot segments, as a browser would request it."""
    kept: list[str] = []
    segments = quote(text, safe=_PATH_SAFE).split("/")[1:] or [""]
    for number, segment in enumerate(segments, start=1):
        is_last, lower = number == len(segments), segment.lower()
        if lower in _TWO_DOTS:
            kept = kept[:-1]
        elif lower not in _ONE_DOT:
            kept.append(segment)
        if is_last and (lower in _ONE_DOT or lower in _TWO_DOTS):
            kept.append("")
    return "/" + "/".join(kept)


def _host(text: str) -> str:
    if not text:
        raise UrlNotAllowed("the URL has no host")
    if text.startswith("["):
        return _ipv6(text[1:-1])
    if "%" in text:
        raise UrlNotAllowed("the host must not contain %")
    labels = text.removesuffix(".").split(".")
    host = ".".join(_label(label) for label in labels)
    if len(host) > NAME_MAX:
        raise UrlNotAllowed(f"the host is longer than {NAME_MAX} characters")
    return _ipv4(host) if _NUMBER.fullmatch(host.rpartition(".")[2]) else host


def _label(label: str) -> str:
    if not label:
        raise UrlNotAllowed("the host has an empty label")
    lower = label.lower() if label.isascii() else label
    if lower.isascii() and not lower.startswith("xn--"):
        if not _LABEL.fullmatch(lower):
            raise UrlNotAllowed("the host has a label that is no DNS label")
        return lower
    try:
        # No UTS 46 mapping: it would turn look-alikes such as circled digits into addresses.
        return idna.alabel(lower).decode("ascii")
    except UnicodeError:
        raise UrlNotAllowed("the host has a label that IDNA 2008 does not allow") from None


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise UrlNotAllowed("the host in brackets is not an IPv6 address") from None
    if "%" in text:
        raise UrlNotAllowed("an IPv6 address must not have a zone")
    return address.compressed


def _ipv4(host: str) -> str:
    """Read a host that ends in a number: 1 to 4 parts, decimal, octal (0…) or hex (0x…)."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):  # noqa: PLR2004
        raise UrlNotAllowed("the host ends in a number but is not an IPv4 address")
    try:
        *high, low = (_ipv4_number(part) for part in parts)
    except ValueError:
        raise UrlNotAllowed("the host is not an IPv4 address") from None
    if any(part > 255 for part in high) or low >= 256 ** (4 - len(high)):  # noqa: PLR2004
        raise UrlNotAllowed("the host is not an IPv4 address: a number is too large")
    value = low + sum(part << 8 * (3 - place) for place, part in enumerate(high))
    return str(ipaddress.IPv4Address(value))


def _ipv4_number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)
