"""Workers that stand still for a while, so that a queue can be filled before they begin."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dev.bench.processor_time import families
from dev.processes import Process


@contextmanager
def frozen(workers: Sequence[Process]) -> Iterator[None]:
    """Stop workers and their children by SIGSTOP; they go on when the block ends."""
    groups = families({worker.name: worker.pid for worker in workers})
    pids = [pid for members in groups.values() for pid in members]
    _send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(pids, signal.SIGCONT)


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)
