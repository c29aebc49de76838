"""CPU seconds and peak memory of whole families of processes, read from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
#: Of /proc/<pid>/stat behind the name: parent, then utime, stime, cutime and cstime.
_PARENT, _TIMES = 1, slice(11, 15)


@dataclass(frozen=True)
class Spent:
    """What a process and its descendants have used since they began."""

    #: User and system time, with that of children that have ended and been waited for.
    cpu_seconds: float
    #: Of the largest process: shared pages would be counted several times in a sum.
    peak_bytes: int


def families_spent(ancestors: Mapping[str, int]) -> dict[str, Spent]:
    """Measure each named process together with its descendants, at one moment.

    By parents, not by sessions: a PostgreSQL backend makes a session of its own.
    """
    stats = {int(entry.name): _stat(entry) for entry in _entries()}
    return {name: _spent(_family(pid, stats), stats) for name, pid in ancestors.items()}


def stat_fields(text: str) -> list[str]:
    """Split a stat line behind the name, which may itself hold spaces and parentheses."""
    return text.rpartition(")")[2].split()


def cpu_seconds(fields: list[str]) -> float:
    return sum(map(int, fields[_TIMES])) / _TICKS


def _entries() -> list[Path]:
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(entry: Path) -> list[str]:
    try:
        return stat_fields((entry / "stat").read_text(errors="replace"))
    except OSError:
        return []  # It ended between the listing and the look.


def _family(ancestor: int, stats: Mapping[int, list[str]]) -> list[int]:
    found = [ancestor]
    for member in found:
        found += [pid for pid, stat in stats.items() if stat and int(stat[_PARENT]) == member]
    return found


def _spent(family: list[int], stats: Mapping[int, list[str]]) -> Spent:
    seconds = sum(cpu_seconds(stats[pid]) for pid in family if stats.get(pid))
    return Spent(seconds, max(map(_peak_bytes, family)))


def _peak_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return 1024 * sum(kilobytes)
