"""CPU seconds of whole families of processes and of the machine, read from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
#: Of /proc/<pid>/stat behind the name: parent, then utime, stime, cutime and cstime.
_PARENT, _TIMES = 1, slice(11, 15)
#: Of the first line of /proc/stat: all times, without those of guests, which are in user's.
_ALL, _IDLE = slice(1, 9), slice(4, 6)


@dataclass(frozen=True)
class MachineTime:
    """Seconds of all processors together since the start of the machine."""

    busy: float
    all: float

    def since(self, earlier: "MachineTime") -> "MachineTime":
        return MachineTime(self.busy - earlier.busy, self.all - earlier.all)


def families(ancestors: Mapping[str, int]) -> dict[str, list[int]]:
    """Return each named process together with its descendants, at one moment.

    By parents, not by sessions: a PostgreSQL backend makes a session of its own.
    """
    stats = _all_stats()
    return {name: _family(pid, stats) for name, pid in ancestors.items()}


def seconds_spent(ancestors: Mapping[str, int]) -> dict[str, float]:
    """Return what each family has used, with children that have ended and been waited for."""
    stats = _all_stats()
    return {name: _seconds(_family(pid, stats), stats) for name, pid in ancestors.items()}


def machine_time() -> MachineTime:
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    whole = sum(map(int, fields[_ALL])) / _TICKS
    return MachineTime(whole - sum(map(int, fields[_IDLE])) / _TICKS, whole)


def stat_fields(text: str) -> list[str]:
    """Split a stat line behind the name, which may itself hold spaces and parentheses."""
    return text.rpartition(")")[2].split()


def cpu_seconds(fields: list[str]) -> float:
    return sum(map(int, fields[_TIMES])) / _TICKS


def _all_stats() -> dict[int, list[str]]:
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return {int(entry.name): _stat(entry) for entry in entries}


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


def _seconds(family: list[int], stats: Mapping[int, list[str]]) -> float:
    return sum(cpu_seconds(stats[pid]) for pid in family if stats.get(pid))
