"""Runs a script as a process of its own, kills it, and sees what is left."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
#: Seconds; the guardian's patience and a margin for a busy machine.
_GONE_WITHIN = 20.0


@contextmanager
def running(
    script: str, *, python: str = sys.executable, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Yield the process and the words of its first line of output; killed at the end."""
    process = subprocess.Popen(
        [python, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})},
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()
        finally:
            process.kill()


def wait_until_gone(pids: list[int], *paths: Path) -> None:
    """Fail if a process or a path is still there after 20 s."""
    deadline = time.monotonic() + _GONE_WITHIN
    while left := [pid for pid in pids if lives(pid)] + [path for path in paths if path.exists()]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """A zombie that nobody has waited for yet is dead."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
