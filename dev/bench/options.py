"""What a run publishes, how, and to whom."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: Of the publisher's rate mode, when --seconds is not given.
_RATE_SECONDS = 10
_EVENTS = 20_000


@dataclass(frozen=True)
class Options:
    mode: Literal["flood", "rate"] = "flood"
    events: int = _EVENTS
    endpoints: int = 50
    #: Endpoints that each event matches.
    fan_out: int = 1
    #: Bytes.
    payload: int = 400
    connections: int = 32
    #: Publishes per second, in rate mode.
    rate: float = 200.0
    keys: bool = True
    api_workers: int = 1
    worker_processes: int = 1
    count_statements: bool = False
    yardsticks: bool = True
    write: bool = False

    @property
    def channels(self) -> int:
        """Groups of `fan_out` endpoints each; an event goes to one group."""
        return self.endpoints // self.fan_out


def read_options(arguments: Sequence[str]) -> Options:
    """Parse the command line; a wrong one ends the process with a message, as argparse does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.endpoints % given.fan_out:
        parser.error("--endpoints must be a multiple of --fan-out")
    seconds = given.__dict__.pop("seconds")
    if given.events is None:
        given.events = round(given.rate * seconds) if given.mode == "rate" else _EVENTS
    return Options(**vars(given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.bench", description=__doc__)
    add = parser.add_argument
    add("--mode", choices=["flood", "rate"], default="flood", help="at once, or at a steady rate")
    add("--events", type=_positive, help="how many to publish (20000, or rate times seconds)")
    add("--endpoints", type=_positive, default=50)
    add("--fan-out", type=_positive, default=1, help="endpoints that each event matches")
    add("--payload", type=_positive, default=400, help="bytes")
    add("--connections", type=_positive, default=32, help="of the publisher")
    add("--rate", type=float, default=200.0, help="publishes per second, in rate mode")
    add("--seconds", type=float, default=_RATE_SECONDS, help="instead of --events, in rate mode")
    add("--no-keys", dest="keys", action="store_false", help="without Idempotency-Key")
    add("--api-workers", type=_positive, default=1)
    add("--worker-processes", type=_positive, default=1, help="children of the Celery worker")
    add("--count-statements", action="store_true", help="log and count SQL; slows everything")
    add("--no-yardsticks", dest="yardsticks", action="store_false")
    add("--write", action="store_true", help="add the figures to docs/performance.md")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value
