"""Where the processes of one platform on one machine share their metrics.

prometheus_client adds up the files of all processes in PROMETHEUS_MULTIPROC_DIR, so that any
API process can answer for the workers too. It reads the variable when it is first imported;
hence this module must run before, and does not import it at its top.
"""

import atexit
import fcntl
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    URL of the database); the last process of the platform that ends removes it.
    """
    directory = _own_directory(store)
    # It may be inherited: by a server's worker, or by a worker that has put itself to the back.
    if os.environ.get(VARIABLE) in (None, "", str(directory)):
        mark = _enter(directory)
        os.environ[VARIABLE] = str(directory)
        atexit.register(_leave, directory, mark, os.getpid())


def share_if_lasting(store: str) -> None:
    """Share if this process serves or works; other commands end before they are scraped."""
    program, words = Path(sys.argv[0]), sys.argv[1:]
    if "celery" in {program.name, program.parent.name}:
        lasts = not {"worker", "beat"}.isdisjoint(words)
    else:
        lasts = words[:1] == ["serve"]
    if lasts:
        share(store)


def _own_directory(store: str) -> Path:
    place = urlsplit(store)
    # Without the password: the name of a directory is no secret.
    name = sha256(f"{place.hostname}:{place.port}{place.path}?{place.query}".encode()).hexdigest()
    return Path(tempfile.gettempdir()) / f"webhooks-metrics-{os.getuid()}-{name[:12]}"


def _enter(directory: Path) -> int:
    """Make the directory, drop what a killed platform has left, and return the mark we hold.

    A mark is a file that its process keeps locked; however that ends, the kernel unlocks it.
    """
    while True:
        directory.mkdir(mode=0o700, exist_ok=True)
        _demand_private(directory)
        with _locked(directory) as there:
            if there:
                _empty_if_left(directory)
                mark, _ = tempfile.mkstemp(suffix=".mark", dir=directory)
                fcntl.flock(mark, fcntl.LOCK_EX)
                return mark


def _leave(directory: Path, mark: int, entered: int) -> None:
    """Remove the directory, unless others are left in it, or we are a fork of who entered."""
    if os.getpid() == entered:
        os.close(mark)
        with _locked(directory) as there:
            if there and not _anybody(directory):
                shutil.rmtree(directory)


@contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Keep others from coming and going; yield False if the last one has removed the directory."""
    try:
        lock = (directory / "lock").open("w")
    except FileNotFoundError:
        yield False
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # It may have been removed while we waited.
        yield os.fstat(lock.fileno()).st_nlink > 0


def _demand_private(directory: Path) -> None:
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnsafeDirectoryError(f"{directory} is not ours alone; set {VARIABLE}")


def _empty_if_left(directory: Path) -> None:
    """Remove the files of dead processes, but only all at once.

    Removing one of several would make a total fall, which Prometheus reads as a restart.
    """
    if not _anybody(directory):
        for pattern in ("*.db", "*.mark"):
            for file in directory.glob(pattern):
                file.unlink(missing_ok=True)


def _anybody(directory: Path) -> bool:
    return any(_is_held(mark) for mark in directory.glob("*.mark"))


def _is_held(mark: Path) -> bool:
    with mark.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


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
