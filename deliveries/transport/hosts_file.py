"""The names this machine knows by itself: `localhost`, and what /etc/hosts says.

They are looked up here so that the guard judges them like any other answer.
"""

import ipaddress
import time
from pathlib import Path
from typing import Final

LOOPBACK: Final = ("127.0.0.1", "::1")
REREAD_SECONDS: Final = 5.0
SIZE_MAX: Final = 1024 * 1024  # Bytes; block lists can be larger and do not belong here.


class HostsFile:
    """Reads the file again when it has changed, looking at most every few seconds."""

    def __init__(self, path: Path = Path("/etc/hosts")) -> None:
        self._path = path
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._addresses: dict[str, tuple[str, ...]] = {}

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a lower-case name without trailing dot; often none."""
        if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
            return LOOPBACK
        now = time.monotonic()
        if now - self._looked_at >= REREAD_SECONDS:
            self._looked_at = now
            self._refresh()
        return self._addresses.get(name, ())

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            text = "" if status.st_size > SIZE_MAX else self._path.read_text("utf-8", "replace")
        except OSError:
            stamp, text = None, ""
        self._stamp, self._addresses = stamp, _parse(text)


def _parse(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        for name in names:
            key = name.lower().removesuffix(".")
            found[key] = (*found.get(key, ()), address)
    return found
