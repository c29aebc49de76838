"""A watcher that cleans up after a parent that was killed.

`PR_SET_PDEATHSIG` reaches direct children only. The guardian also ends their children (granian's
and Celery's workers), ends what does not listen, and removes temporary directories. It learns of
its parent's end by the end of its standard input, which the kernel closes even after SIGKILL.

Run as a script it is the watcher itself, with nothing but the standard library.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

#: Seconds between asking the processes to stop and killing them.
GRACE = 5.0
#: Seconds between two looks at what is still running.
_POLL = 0.02


class Guardian:
    """Keeps one watcher process told of what must not outlive us."""

    def __init__(self, *, grace: float = GRACE) -> None:
        self._grace = grace
        self._watcher: subprocess.Popen[str] | None = None

    def start(self) -> None:
        if self._watcher is None:
            command = [sys.executable, "-I", "-S", __file__, str(self._grace)]
            self._watcher = subprocess.Popen(  # noqa: S603  The command is this very file.
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )

    def watch_session(self, session: int, stop_signal: signal.Signals) -> None:
        """Have every process of this session ended, first by the signal and then by SIGKILL."""
        self._tell(f"session {session} {int(stop_signal)}")

    def forget_session(self, session: int) -> None:
        """The session has ended; its number may soon belong to a stranger."""
        self._tell(f"forget {session} 0")

    def remove_at_end(self, path: Path) -> None:
        """Remove the file or the whole directory when we are gone."""
        self._tell(f"remove 0 0 {path}")

    def close(self) -> None:
        """End what is left, remove what was promised, and wait until that is done."""
        if self._watcher is not None:
            watcher, self._watcher = self._watcher, None
            _pipe(watcher).close()
            watcher.wait(timeout=self._grace + 10)

    def _tell(self, line: str) -> None:
        self.start()
        if self._watcher is not None:
            pipe = _pipe(self._watcher)
            pipe.write(line + "\n")
            pipe.flush()


def _pipe(watcher: subprocess.Popen[str]) -> IO[str]:
    if watcher.stdin is None:
        raise RuntimeError("The guardian was started without a pipe.")
    return watcher.stdin


def members_of(sessions: Iterable[int]) -> list[int]:
    """Return the processes of these sessions that still run; a zombie does not."""
    wanted = set(sessions)
    return [pid for pid, session in running_processes() if session in wanted]


def running_processes() -> list[tuple[int, int]]:
    """Return the number and the session of each process of this machine."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue  # It ended between the listing and the look.
            # The name in parentheses may itself hold spaces and parentheses.
            state, _parent, _group, session = status.rpartition(")")[2].split()[:4]
            if state != "Z":
                found.append((int(entry.name), int(session)))
    return found


def _signal_members(sessions: Iterable[int], number: int) -> None:
    for pid in members_of(sessions):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _end(sessions: dict[int, int], grace: float) -> None:
    for session, stop_signal in sessions.items():
        _signal_members([session], stop_signal)
    deadline = time.monotonic() + grace
    while members_of(sessions) and time.monotonic() < deadline:
        time.sleep(_POLL)
    while members_of(sessions):
        _signal_members(sessions, signal.SIGKILL)
        time.sleep(_POLL)


def _watch(orders: Iterable[str], grace: float) -> None:
    sessions: dict[int, int] = {}
    leftovers: list[str] = []
    for order in orders:
        verb, session, stop_signal, *path = order.rstrip("\n").split(" ", 3)
        if verb == "session":
            sessions[int(session)] = int(stop_signal)
        elif verb == "forget":
            sessions.pop(int(session), None)
        else:
            leftovers += path
    if sessions:
        _end(sessions, grace)
    for leftover in leftovers:
        _remove(Path(leftover))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    # Only the end of the parent ends the watch, not a signal to a whole terminal or session.
    for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.SIG_IGN)
    _watch(sys.stdin, float(sys.argv[1]))
