"""One process at a time on one data directory."""

import fcntl
import os
from pathlib import Path

from dev.errors import DevError


class InUseError(DevError):
    """Another process holds these data."""


class DirectoryLock:
    """An advisory file lock; the kernel frees it however its holder ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise `InUseError` at once, naming the holder."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "?"
            os.close(descriptor)
            raise InUseError(
                f"{self._path.parent} is in use by process {holder}: stop that one first."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._file = descriptor

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
