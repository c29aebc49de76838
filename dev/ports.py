"""TCP ports of this machine."""

import os
import socket

from dev.errors import DevError

_LAST_PORT = 65_535


class NoPortError(DevError):
    """PORT does not name a TCP port."""


class PortTakenError(DevError):
    """Something already listens where we were asked to."""


def asked_port() -> int | None:
    """Return the port that PORT asks for, None if it asks for none. Raises `NoPortError`."""
    asked = os.environ.get("PORT")
    if not asked:
        return None
    if not asked.isdecimal() or not 1 <= int(asked) <= _LAST_PORT:
        raise NoPortError(f"PORT={asked} is no port: choose a number from 1 to {_LAST_PORT}.")
    return int(asked)


def free_port(host: str) -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that connections of a former run do not count as an owner.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def refuse_taken_port(host: str, port: int) -> None:
    if not is_free(host, port):
        raise PortTakenError(
            f"Port {port} of {host} is in use: end the other program, or choose another port "
            "with PORT=…"
        )


def answers(host: str, port: int) -> bool:
    """Say whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
