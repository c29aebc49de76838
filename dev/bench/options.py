"""What a run publishes, how, to whom, and with which tools."""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dev.arguments import above_zero, positive

#: Of the modes with a rate, when --seconds is not given.
_RATE_SECONDS = 10
_EVENTS = 20_000
#: Events of one request in batch mode, when --batch is not given.
_BATCH = 100
Mode = Literal["burst", "rate", "drain", "noisy", "batch"]
#: Modes whose publisher keeps to a schedule.
SCHEDULED = ("rate", "noisy")
#: Modes that publish while the workers are stopped.
PAUSED = ("drain", "batch")


@dataclass(frozen=True)
class Options:
    mode: Mode = "burst"
    events: int = _EVENTS
    endpoints: int = 50
    #: Endpoints that each event matches.
    fan_out: int = 1
    #: Bytes.
    payload: int = 400
    #: Events of one request.
    batch: int = 1
    connections: int = 32
    #: Publishes per second, in the modes with a schedule.
    rate: float = 200.0
    keys: bool = True
    api_workers: int = 1
    worker_processes: int = 1
    publisher: Literal["wrk", "own"] = "own"
    receiver: Literal["nginx", "own"] = "own"
    repeat: int = 1
    yardsticks: bool = True
    json: str | None = None
    write: bool = False

    @property
    def channels(self) -> int:
        """Groups of `fan_out` endpoints each; an event goes to one group."""
        return self.endpoints // self.fan_out

    @property
    def scheduled(self) -> bool:
        return self.mode in SCHEDULED

    @property
    def paused(self) -> bool:
        return self.mode in PAUSED


def read_options(arguments: Sequence[str]) -> Options:
    """Parse the command line; a wrong one ends the process with a message, as argparse does."""
    parser = _parser()
    given = parser.parse_args(arguments)
    seconds = given.__dict__.pop("seconds")
    if given.events is None:
        given.events = round(given.rate * seconds) if given.mode in SCHEDULED else _EVENTS
    if given.batch is None:
        given.batch = _BATCH if given.mode == "batch" else 1
    _choose_tools(given)
    if fault := _fault(given):
        parser.error(fault)
    return Options(**vars(given))


def _choose_tools(given: argparse.Namespace) -> None:
    """Take what is installed; a schedule needs our own publisher, and microseconds our receiver."""
    scheduled = given.mode in SCHEDULED
    if given.publisher is None:
        given.publisher = "wrk" if shutil.which("wrk") and not scheduled else "own"
    if given.receiver is None:
        given.receiver = "nginx" if shutil.which("nginx") and not scheduled else "own"


def _fault(given: argparse.Namespace) -> str | None:
    scheduled = given.mode in SCHEDULED
    if given.endpoints % given.fan_out:
        return "--endpoints must be a multiple of --fan-out"
    if given.events % given.batch:
        return "--events must be a multiple of --batch"
    if scheduled and (given.publisher == "wrk" or given.batch > 1):
        return "a schedule is kept by our own publisher, one event per request"
    if given.mode == "noisy" and given.receiver == "nginx":
        return "only our own receiver can leave requests without an answer"
    if given.json and not Path(given.json).parent.is_dir():
        return f"--json: there is no directory {Path(given.json).parent}"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.bench", description=__doc__)
    _add_load(parser)
    _add_platform(parser)
    _add_output(parser)
    return parser


def _add_load(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    modes = "at once; on a schedule; a backlog; beside hanging endpoints; a backlog by msg/batch"
    add("--mode", choices=["burst", "rate", "drain", "noisy", "batch"], default="burst", help=modes)
    add("--events", type=positive, help="how many to publish (20000, or rate times seconds)")
    add("--endpoints", type=positive, default=50, help="in noisy mode as many more hang")
    add("--fan-out", type=positive, default=1, help="endpoints that each event matches")
    add("--payload", type=positive, default=400, help="bytes")
    add("--batch", type=positive, help="events per request (100 in batch mode, else 1)")
    add("--connections", type=positive, default=32, help="of the publisher")
    add(
        "--rate",
        type=above_zero,
        default=200.0,
        help="publishes a second, on a schedule",
    )
    add(
        "--seconds",
        type=above_zero,
        default=_RATE_SECONDS,
        help="instead of --events, with a rate",
    )
    add("--no-keys", dest="keys", action="store_false", help="without Idempotency-Key")
    add("--publisher", choices=["wrk", "own"], help="wrk where installed, our own with a rate")
    add("--receiver", choices=["nginx", "own"], help="nginx where installed, our own with a rate")


def _add_platform(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--api-workers", type=positive, default=1, help="processes of the API server")
    add("--worker-processes", type=positive, default=1, help="children of the Celery worker")


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--repeat", type=positive, default=1, help="runs; medians are told")
    add("--no-yardsticks", dest="yardsticks", action="store_false")
    add("--json", metavar="FILE", help="write every run and the medians as JSON")
    add("--write", action="store_true", help="add the figures to docs/performance.md")
