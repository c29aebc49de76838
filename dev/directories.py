"""Directories for kept data, and short-lived private ones; existing modes are never changed."""

import hashlib
import tempfile
from pathlib import Path

from dev.identity import ServerUser, server_user

#: A unix socket's whole path has 107 bytes; the longest one below the directory is that of
#: multiprocessing, `/pymp-12345678/listener-12345678`.
_LONGEST_SOCKET_DIRECTORY = 75
#: Passable for all, so that the server's user reaches its own directory inside; listable by none.
_PASSABLE = 0o711
#: Where root keeps the data of a checkout that `nobody` cannot enter. Only root can write there.
OUTSIDE = Path("/var/lib/webhooks-platform")


def make_passable(directory: Path) -> None:
    """Make a directory and its missing parents; one that exists stays as it is."""
    if not directory.is_dir():
        make_passable(directory.parent)
        directory.mkdir(exist_ok=True)
        directory.chmod(_PASSABLE)  # The umask may have taken bits away.


def make_private(directory: Path, owner: ServerUser | None = None) -> None:
    """Make a directory that only its owner, by default ourselves, can look into."""
    if not directory.is_dir():
        directory.mkdir(mode=0o700)
        if owner is not None:
            owner.own(directory)


def temporary_directory(owner: ServerUser | None = None) -> Path:
    """Make a private directory for sockets or test data, with a path short enough for sockets.

    The caller has it removed. `TMPDIR` is used if its path is short and the owner can go there.
    """
    user = owner or server_user()
    preferred = Path(tempfile.gettempdir())
    short = len(bytes(preferred)) < _LONGEST_SOCKET_DIRECTORY - len("/webhooks-12345678")
    place = preferred if short and user.may_enter(preferred) else Path("/tmp")  # noqa: S108
    made = Path(tempfile.mkdtemp(prefix="webhooks-", dir=place))
    user.own(made)
    return made


def data_directory(checkout: Path) -> Path:
    """Choose where `make up` keeps its data: `.local/` of the checkout, if servers can go there.

    Root's checkout below a closed directory such as /root gets a directory of its own under
    /var/lib/webhooks-platform, named after the checkout's path.
    """
    inside = checkout.resolve() / ".local"
    closest = inside if inside.is_dir() else checkout
    if server_user().may_enter(closest):
        return inside
    digest = hashlib.sha256(bytes(checkout.resolve())).hexdigest()[:12]
    return OUTSIDE / f"{checkout.resolve().name}-{digest}"
