"""End a child process when its parent dies, however it dies (Linux)."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when process `parent` dies; call it after the fork.

    The signal is bound to the thread that forked, which must be the parent's main thread.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It died before the kernel was told.
        os.kill(os.getpid(), signal.SIGKILL)
