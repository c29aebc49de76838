"""Where the processes of one platform on one machine share their metrics.

prometheus_client adds up the files of all processes in PROMETHEUS_MULTIPROC_DIR, so that any
API process can answer for the workers too. It reads the variable when it is first imported;
hence this module must run before, and does not import it at its top.
"""

import fcntl
import os
import re
import socket
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
#: `counter_HOST-PID.db`, `gauge_livesum_HOST-PID.db`; containers that share the directory may
#: have processes of the same number.
_FILE = re.compile(r"_([^_]+)-(\d+)\.db$")
_host = re.sub(r"[^A-Za-z0-9.]", ".", socket.gethostname())


class UnsafeDirectoryError(SystemExit):
    """The directory for metrics belongs to another user, who could read or forge them."""


def share(store: str) -> None:
    """Name the directory in the environment, for this process and its children; make it.

    Left as it is if the operator has named one. Otherwise one of our own for each store (the
    URL of the database), emptied when no process of the platform is left that counts in it.
    """
    if not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = str(_own_directory(store))


def share_if_lasting(store: str) -> None:
    """Share if this process serves or works; other commands end before they are scraped."""
    program = Path(sys.argv[0])
    if "celery" in {program.name, program.parent.name} or sys.argv[1:2] == ["serve"]:
        share(store)


def _own_directory(store: str) -> Path:
    place = urlsplit(store)
    # Without the password: the name of a directory is no secret.
    name = sha256(f"{place.hostname}:{place.port}{place.path}?{place.query}".encode()).hexdigest()
    directory = Path(tempfile.gettempdir()) / f"webhooks-metrics-{os.getuid()}-{name[:12]}"
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnsafeDirectoryError(f"{directory} is not ours alone; set {VARIABLE}")
    _empty_if_left(directory)
    return directory


def _empty_if_left(directory: Path) -> None:
    """Remove the files of dead processes, but only all at once.

    Removing one of several would make a total fall, which Prometheus reads as a restart.
    """
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = list(directory.glob("*.db"))
        if not any(_is_alive(file) for file in files):
            for file in files:
                file.unlink(missing_ok=True)


def forget_dead() -> None:
    """Remove what dead processes of this machine said of their present state (live gauges)."""
    for file in Path(os.environ[VARIABLE]).glob("gauge_live*.db"):
        if not _is_alive(file):
            file.unlink(missing_ok=True)


def _is_alive(file: Path) -> bool:
    found = _FILE.search(file.name)
    if found is None or found[1] != _host:
        return True
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def name_processes() -> None:
    """Have prometheus_client name its files after host and process, not the process alone."""
    if os.environ.get(VARIABLE):
        # It decides by the variable when it is imported.
        from prometheus_client import values  # noqa: PLC0415

        values.ValueClass = values.MultiProcessValue(  # type: ignore[no-untyped-call]
            lambda: f"{_host}-{os.getpid()}"
        )
