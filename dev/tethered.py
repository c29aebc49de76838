"""Become another program that dies together with the process that asked for it.

Run as a script by `dev.processes`: `tethered.py SIGNAL PARENT UID GID PROGRAM ARGUMENT…`. A program
of its own instead of a `preexec_fn`, because Python code between fork and exec can deadlock when
the parent has threads. Only the standard library: it starts with `-I -S` in about 10 ms.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
#: Exit status when the parent was gone before the tether held.
ORPHANED = 125


def _drop_privileges(uid: int, gid: int) -> None:
    if os.geteuid() == uid:
        return
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with_parent(death_signal: int) -> None:
    """Ask the kernel to send us this signal when the thread that started us ends."""
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal) != 0:
        sys.exit("prctl(PR_SET_PDEATHSIG) failed; the developer's environment needs Linux.")


def _main(death_signal: str, parent: str, uid: str, gid: str, *command: str) -> None:
    _drop_privileges(int(uid), int(gid))
    # After the change of user, which would clear the request.
    die_with_parent(int(death_signal))
    if os.getppid() != int(parent):
        sys.exit(ORPHANED)
    # Python ignores these two, and an ignored signal would stay ignored through exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606  No shell is wanted here.


if __name__ == "__main__":
    _main(*sys.argv[1:])
