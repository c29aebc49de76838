"""Python's garbage collector, told that a process handles many small things and few cycles."""

import gc

#: New containers between two collections of the youngest. By default, at 700, the collector walks
#: through what is under way again and again and finds nothing: a fifth of a worker's time.
COLLECT_AFTER = 20_000


def collect_less() -> None:
    """Leave what was imported out of collections, and have fewer of them.

    Call it once all is imported; before a fork, or soon after it, pages stay shared.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
