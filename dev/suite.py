"""`make test`: the whole suite in two sessions side by side, each on stores of its own.

Tests that start whole platforms, browsers and SDKs wait most of their time; beside them the others
have a core to themselves. With arguments it is one session, with these.
"""

import shutil
import subprocess
import sys
import tempfile
from typing import IO

_WAITING = ("tests/e2e", "tests/browser", "tests/contract")


def suite(arguments: list[str]) -> int:
    """Return 0 if both sessions pass; the output of the second comes after the first's."""
    if arguments:
        return _session(*arguments).wait()
    with tempfile.TemporaryFile() as output:
        beside = _session(*_WAITING, output=output)
        status = _session(*(f"--ignore={each}" for each in _WAITING)).wait()
        status = beside.wait() or status
        output.seek(0)
        shutil.copyfileobj(output, sys.stdout.buffer)
    return status


def _session(*arguments: str, output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - our own.


if __name__ == "__main__":
    sys.exit(suite(sys.argv[1:]))
