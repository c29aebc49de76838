"""The peak memory of groups of processes, by looking at them once a second."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.bench.processor_time import families

_EVERY = 1.0


class MemoryWatch:
    """Sums the proportional set size of each group: shared pages count once.

    A context manager; a look costs a millisecond for each process.
    """

    def __init__(self, ancestors: Callable[[], Mapping[str, int]]) -> None:
        self._ancestors = ancestors
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        #: Bytes.
        self.peaks: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        for name, members in families(self._ancestors()).items():
            self.peaks[name] = max(
                self.peaks.get(name, 0), sum(map(proportional_set_size, members))
            )


def proportional_set_size(pid: int) -> int:
    """Return the bytes of a process, shared pages by its share; 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0  # It has ended, or belongs to somebody else.
    kilobytes = [int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")]
    return 1024 * sum(kilobytes)
