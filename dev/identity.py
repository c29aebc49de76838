"""Who runs the embedded servers, and where that user may go.

PostgreSQL refuses to run as root. Root therefore runs both servers as `nobody`, an account that
every system has; no account is made and no mode of an existing directory is changed.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from dev.errors import DevError


class NoServerUserError(DevError):
    """The current user has no entry in the password database, which PostgreSQL needs."""


@dataclass(frozen=True)
class ServerUser:
    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()

    def may_enter(self, directory: Path) -> bool:
        """Say whether the modes of all parents let this user through, links resolved."""
        real = directory.resolve()
        try:
            return all(self._has(path, stat.S_IXUSR) for path in (real, *real.parents))
        except PermissionError:  # We are that user, and could not even look.
            return False

    def may_read(self, path: Path) -> bool:
        return self.may_enter(path.parent) and self._has(path, stat.S_IRUSR)

    def _has(self, path: Path, owner_bit: int) -> bool:
        """Check one permission bit as the kernel does: the first class that fits decides."""
        status = path.stat()
        if self.uid == 0:
            return True
        if status.st_uid == self.uid:
            return bool(status.st_mode & owner_bit)
        in_group = status.st_gid == self.gid or (self.is_us and status.st_gid in os.getgroups())
        shift = 3 if in_group else 6
        return bool(status.st_mode & (owner_bit >> shift))

    def own(self, path: Path) -> None:
        """Hand over a path that we have just made ourselves."""
        if not self.is_us:
            os.chown(path, self.uid, self.gid)


def ourselves() -> ServerUser:
    return ServerUser(os.geteuid(), os.getegid())


def server_user() -> ServerUser:
    """Return `nobody` for root and the current user for all others.

    Raises `NoServerUserError` for a bare uid, as in `docker run --user 12345`.
    """
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        return ServerUser(nobody.pw_uid, nobody.pw_gid)
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as unknown:
        raise NoServerUserError(
            f"User id {os.geteuid()} has no name on this machine, and the embedded PostgreSQL "
            "needs one: add it to /etc/passwd. (`make test` also runs on servers of your own, "
            "named by DATABASE_URL and REDIS_URL.)"
        ) from unknown
    return ourselves()
