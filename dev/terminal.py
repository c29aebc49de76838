"""What the commands of make say, and how they are asked to end."""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from dev.errors import DevError
from dev.tethered import ORPHANED, die_with_parent

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP asked this command to end; like KeyboardInterrupt, no error."""


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command to its end and exit with its status; being asked to stop is no failure.

    The first signal raises `Stopped` inside; later ones no longer disturb the clean-up.
    """
    _tie(os.environ.pop("DIES_WITH_PARENT", None))
    for number in _SIGNALS:
        signal.signal(number, _stop)
    try:
        status = command()
    except Stopped:
        status = 0
    except (DevError, PermissionError) as error:
        sys.stderr.write(f"{error}\n")
        status = 1
    sys.exit(status)


def _tie(parent: str | None) -> None:
    """Have SIGTERM sent to us when this process, make, ends; exit if it has ended already."""
    if parent:
        die_with_parent(signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(ORPHANED)


def wait_for_signal() -> NoReturn:
    while True:
        signal.pause()


def _stop(_number: int, _frame: object) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped
