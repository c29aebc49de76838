"""Which addresses may receive traffic: the guard's table, and the operator's exceptions to it.

The transport asks for every address it is about to dial, saving asks for URLs that hold an
address. Python's `is_global` and `is_private` are no guard: they let multicast, NAT64, 6to4 and
the metadata addresses of clouds through, so the table is our own. IPv6 is allowed only inside
2000::/3, which refuses every other way of writing an IPv4 address.
"""

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from endpoints.url_policy import PORT_MAX, EndpointUrl, UrlNotAllowed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORBIDDEN_V4: Final = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
_FORBIDDEN_V6: Final = [
    "::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3ffe::/16",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
]
# ISATAP carries an IPv4 address after one of these interface ids, in any prefix.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
# What a production system must never be pointed at, even by its operator.
_LOOPBACK_LINK_LOCAL_METADATA: Final = tuple(
    ipaddress.ip_network(cidr)
    for cidr in [
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "::/127",
        "::ffff:0:0/96",
        "fe80::/10",
        "fd00:ec2::254/128",
    ]
)
# Where IPv6 holds an IPv4 address: what stands before it, and how many bits stand after it.
_EMBEDDINGS: Final = (
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4
    (ipaddress.ip_network("::/96"), 0),  # IPv4-compatible
    (ipaddress.ip_network("::ffff:0:0:0/96"), 0),  # IPv4-translated
)
_NEVER_IN_PRODUCTION: Final = (
    *_LOOPBACK_LINK_LOCAL_METADATA,
    *(
        ipaddress.IPv6Network(
            (
                int(prefix.network_address) | int(v4.network_address) << bits_after,
                prefix.prefixlen + v4.prefixlen,
            )
        )
        for v4 in _LOOPBACK_LINK_LOCAL_METADATA
        if isinstance(v4, ipaddress.IPv4Network)
        for prefix, bits_after in _EMBEDDINGS
    ),
    # Local NAT64 and Teredo: where the IPv4 address stands, or what it is, is the network's affair.
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("2001::/32"),
)
_CACHE_MAX: Final = 20_000  # Answers; an address takes about 150 bytes.
_ENTRY: Final = re.compile(
    r"\[(?P<boxed>[^\[\]]+)\](?::(?P<boxed_port>[0-9]+))?"
    r"|(?P<v6>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:/[0-9]+)?)"
    r"|(?P<plain>[^:\[\]]+|[0-9A-Fa-f:.]+/[0-9]+)(?::(?P<port>[0-9]+))?"
)


class NetworkEntryError(ValueError):
    """The text is no `CIDR` or `CIDR:port`; the message says why."""


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """One exception from the guard: a network, on one port or on every port (None)."""

    network: Network
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "AllowedNetwork":
        """Read `10.0.0.0/8`, `10.0.0.5:8080`, `fd00::/8` or `[fd00::/8]:8080`."""
        match = _ENTRY.fullmatch(text.strip())
        if match is None:
            raise NetworkEntryError(f"{text!r} is not CIDR, CIDR:port or [CIDR]:port")
        network = _network(match["boxed"] or match["v6"] or match["plain"])
        return cls(network, _entry_port(match["boxed_port"] or match["port"], text))

    def covers(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> bool:
        return (self.port is None or self.port == port) and address in self.network

    @property
    def is_forbidden_in_production(self) -> bool:
        """Whether it opens loopback, link-local or a cloud's metadata address."""
        return any(_overlap(self.network, other) for other in _NEVER_IN_PRODUCTION)

    @property
    def is_private(self) -> bool:
        """Whether it opens any address the guard refuses; worth a warning at start-up."""
        return any(_overlap(self.network, ipaddress.ip_network(cidr)) for cidr in _all_forbidden())

    def __str__(self) -> str:
        if self.port is None:
            return str(self.network)
        boxed = f"[{self.network}]" if self.network.version == 6 else str(self.network)  # noqa: PLR2004
        return f"{boxed}:{self.port}"


def parse_allowed_networks(text: str) -> tuple[AllowedNetwork, ...]:
    """Read a comma- or space-separated list; one NetworkEntryError names every bad entry."""
    entries, problems = [], []
    for part in re.split(r"[,\s]+", text.strip()) if text.strip() else []:
        try:
            entries.append(AllowedNetwork.parse(part))
        except NetworkEntryError as problem:
            problems.append(str(problem))
    if problems:
        raise NetworkEntryError("; ".join(problems))
    return tuple(entries)


class AddressPolicy:
    """The guard's answer for an address and port, remembered per address.

    `own_hosts` are (host, port) pairs the platform itself answers at: an endpoint there would
    feed events back into publishing.
    """

    def __init__(
        self,
        *,
        allowed_networks: Iterable[AllowedNetwork | str] = (),
        own_hosts: Iterable[tuple[str, int]] = (),
    ) -> None:
        self._allowed = tuple(
            AllowedNetwork.parse(entry) if isinstance(entry, str) else entry
            for entry in allowed_networks
        )
        self._own_hosts = frozenset((host.lower(), port) for host, port in own_hosts)
        self._answers: dict[tuple[str, int], bool] = {}

    def allows(self, ip: str, port: int) -> bool:
        """Whether traffic may go to this address; text that is no address is refused."""
        answer = self._answers.get((ip, port))
        if answer is None:
            if len(self._answers) >= _CACHE_MAX:
                self._answers.clear()
            answer = self._answers[ip, port] = self._judge(ip, port)
        return answer

    def is_own_host(self, host: str, port: int) -> bool:
        """Whether the platform itself answers there."""
        return (host, port) in self._own_hosts

    def check_literal(self, url: EndpointUrl) -> None:
        """Raise UrlNotAllowed for a URL that holds a refused address or names the platform.

        A name passes: it is judged by what it stands for when it is dialled.
        """
        if self.is_own_host(url.host, url.port):
            raise UrlNotAllowed("the host is this platform's own address")
        if is_address(url.host) and not self.allows(url.host, url.port):
            raise UrlNotAllowed(f"the address {url.host} is not one that may receive webhooks")

    def _judge(self, ip: str, port: int) -> bool:
        if "%" in ip:
            return False
        try:
            address = _unmapped(ipaddress.ip_address(ip))
        except ValueError:
            return False
        if not _is_forbidden(address):
            return True
        # Any network of 64 bits and less holds ISATAP's forms of loopback and metadata addresses.
        return not _is_isatap(address) and any(e.covers(address, port) for e in self._allowed)


def is_address(host: str) -> bool:
    """Whether a canonical host (see EndpointUrl) is an address rather than a name."""
    return ":" in host or host.rpartition(".")[2].isdigit()


class _Ranges:
    """Networks as sorted numbers, so that a look-up is one bisection."""

    def __init__(self, cidrs: Sequence[str]) -> None:
        networks = sorted(ipaddress.ip_network(cidr) for cidr in cidrs)
        self._first = [int(network.network_address) for network in networks]
        self._last = [int(network.broadcast_address) for network in networks]

    def __contains__(self, address: int) -> bool:
        place = bisect_right(self._first, address) - 1
        return place >= 0 and address <= self._last[place]


_RANGES_V4: Final = _Ranges(_FORBIDDEN_V4)
_RANGES_V6: Final = _Ranges(_FORBIDDEN_V6)


def _is_forbidden(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    number = int(address)
    if isinstance(address, ipaddress.IPv4Address):
        return number in _RANGES_V4
    return number in _RANGES_V6 or _is_isatap(address)


def _is_isatap(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.version == 6 and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP  # noqa: PLR2004


def _unmapped(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _all_forbidden() -> list[str]:
    return [*_FORBIDDEN_V4, *_FORBIDDEN_V6]


def _overlap(one: Network, other: Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.overlaps(other)
    return isinstance(other, ipaddress.IPv6Network) and one.overlaps(other)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as problem:
        # Python's text says which: no address, bad prefix length, or host bits set.
        raise NetworkEntryError(str(problem)) from None


def _entry_port(text: str | None, entry: str) -> int | None:
    if text is None:
        return None
    if not 1 <= len(text) <= len(str(PORT_MAX)) or not 1 <= int(text) <= PORT_MAX:
        raise NetworkEntryError(f"{entry!r}: the port is not a number from 1 to {PORT_MAX}")
    return int(text)
