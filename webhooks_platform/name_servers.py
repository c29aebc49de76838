"""What WEBHOOKS_NAMESERVERS may hold; the resolver itself fails at the first look-up only."""

import re
from ipaddress import IPv4Address, IPv6Address

_SERVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")
_PORTS = range(1, 65_536)


def is_name_server(text: str) -> bool:
    """Return whether `text` is an address and a port, an IPv6 address in brackets."""
    match = _SERVER.fullmatch(text)
    if match is None or int(match[3]) not in _PORTS:
        return False
    try:
        IPv6Address(match[1]) if match[1] else IPv4Address(match[2])
    except ValueError:
        return False
    return True
