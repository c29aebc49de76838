"""One child process: started tethered to us, watched by the guardian, its output in a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dev.errors import DevError
from dev.guardian import Guardian, members_of
from dev.identity import ServerUser, ourselves

_TETHERED = Path(__file__).with_name("tethered.py")
#: Seconds between two looks at a starting or stopping process.
_POLL = 0.02
#: How much of a log is shown when its process fails.
_TAIL_LINES = 20


class ProcessFailedError(DevError):
    """A process ended early or did not get ready in time; the text ends with its last log lines."""


@dataclass
class Process:
    """A program run in a session of its own, restartable, that dies with us.

    `death_signal` is what the kernel sends it when we die; `stop_signal` is what `stop` sends.
    The tie is to the thread that calls `start`: let it be one that lives on.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    guardian: Guardian
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    user: ServerUser = field(default_factory=ourselves)
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    _child: subprocess.Popen[bytes] | None = None
    _asked_to_stop: bool = False

    def start(self) -> None:
        self._asked_to_stop = False
        with _open_log(self.log) as log:
            self._child = subprocess.Popen(  # noqa: S603  Commands come from this package only.
                self._tethered_command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=dict(self.environment),
                start_new_session=True,
            )
        self.guardian.watch_session(self._child.pid, self.death_signal)

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative for a signal, as in `subprocess`."""
        return self._started().poll()

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def stop(self, *, within: float = 10.0) -> None:
        """Ask it to stop, and kill it and its children after `within` seconds."""
        if self._child is None:
            return
        self.ask_to_stop()
        try:
            self._child.wait(timeout=within)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._end_session()

    def ask_to_stop(self) -> None:
        """Send the stop signal once; a second one makes some programs, Celery too, stop harder."""
        if not self._asked_to_stop:
            self._asked_to_stop = True
            self.send(self.stop_signal)

    def kill(self) -> None:
        """SIGKILL the process alone, as the kernel's out-of-memory killer would."""
        self.send(signal.SIGKILL)
        self._started().wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def send(self, number: signal.Signals) -> None:
        self._started().send_signal(number)

    def check(self) -> None:
        """Raise `ProcessFailedError` unless it runs."""
        if not self.running:
            raise ProcessFailedError(self._report(f"ended with status {self.exit_status}"))

    def wait_until(self, ready: Callable[[], bool], *, within: float) -> None:
        """Poll until ready. Raises `ProcessFailedError` when the process ends or time runs out."""
        deadline = time.monotonic() + within
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessFailedError(self._report(f"was not ready after {within:g} s"))
            time.sleep(_POLL)

    def wait_for_success(self, *, within: float) -> None:
        """Wait for a command's own end. Raises `ProcessFailedError` unless its status is 0."""
        try:
            status = self._started().wait(timeout=within)
        except subprocess.TimeoutExpired:
            self.stop(within=1.0)
            raise ProcessFailedError(self._report(f"took longer than {within:g} s")) from None
        self._end_session()
        if status != 0:
            raise ProcessFailedError(self._report(f"ended with status {status}"))

    def log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ProcessFailedError(f"{self.name} has not been started.")
        return self._child

    def _tethered_command(self) -> list[str]:
        tie = [int(self.death_signal), os.getpid(), self.user.uid, self.user.gid]
        interpreter = [sys.executable, "-I", "-S", str(_TETHERED)]
        return [*interpreter, *map(str, tie), *map(str, self.command)]

    def _end_session(self) -> None:
        """Kill children that outlived the process, then let the session's number go."""
        session = self._started().pid
        self._started().wait()
        while left := members_of([session]):
            _kill_all(left)
            time.sleep(_POLL)
        self.guardian.forget_session(session)

    def _report(self, what: str) -> str:
        return f"{self.name} {what}. The end of {self.log}:\n{self.log_tail()}"


def _kill_all(pids: Sequence[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _open_log(path: Path) -> BinaryIO:
    """Open for appending, readable by us alone; the child inherits it, whoever it runs as."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb")
