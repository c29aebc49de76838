"""Decide what an attempt's result means: delivered, try again after a delay, or dead-letter.

Called by attempt.py once the outcome is known; record.py writes the decision down. Pure: the
database's clock decides what is due, so a decision is a delay after the attempt's end.
"""

import random as _random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from deliveries.error_kinds import OURS, ErrorKind

RETRY_AFTER_MAX: Final = 12 * 3600.0  # Seconds; a receiver may slow us down, not park us for ever.
JITTER: Final = 0.1  # Share of the delay, only ever added; spreads retries of a common failure.
JITTER_MAX: Final = 15 * 60.0  # Seconds.
OUR_FAULT_DELAY_MAX: Final = 30.0  # Seconds.
STALE_CONNECTION_DELAY_MAX: Final = 5.0  # Seconds; the next one goes out on a fresh connection.
FIRST_STATUS, LAST_STATUS = 300, 599

#: Every 4xx but 408, 425 and 429, which mean "later"; 3xx and 5xx are retried.
DEFAULT_PERMANENT_SPEC: Final = "400-407,409-424,426-428,430-499"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has taken it."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again `delay_seconds` after the end of this attempt; `charged` spends the schedule."""

    delay_seconds: float
    charged: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Given up. `gone` (410) also disables the endpoint."""

    reason: Literal["exhausted", "permanent", "gone"]


class PermanentStatusesError(ValueError):
    """The text is no list of statuses; the message names the part that is wrong."""


@dataclass(frozen=True, slots=True)
class PermanentStatuses:
    """The statuses that are not worth a retry."""

    codes: frozenset[int]

    @classmethod
    def parse(cls, spec: str) -> "PermanentStatuses":
        """Read `400-407,422`; empty means that every failure is retried."""
        parts = [part.strip() for part in spec.split(",")] if spec.strip() else []
        return cls(frozenset(code for part in parts for code in _status_range(part)))

    def __contains__(self, status: int) -> bool:
        return status in self.codes


def _status_range(part: str) -> range:
    first, dash, last = (text.strip() for text in part.partition("-"))
    bounds = (first, last if dash else first)
    if not all(len(b) == 3 and b.isascii() and b.isdigit() for b in bounds):  # noqa: PLR2004
        raise PermanentStatusesError(f"{part!r} is neither a status like 404 nor a range 400-407")
    low, high = int(bounds[0]), int(bounds[1])
    if not FIRST_STATUS <= low <= high <= LAST_STATUS:
        raise PermanentStatusesError(
            f"{part!r} must rise and lie within {FIRST_STATUS} to {LAST_STATUS}"
        )
    return range(low, high + 1)


DEFAULT_PERMANENT: Final = PermanentStatuses.parse(DEFAULT_PERMANENT_SPEC)


def decide(
    *,
    status: int,
    error_kind: str | None,
    charged_before: int,
    schedule: Sequence[float],
    retry_after: float | None = None,
    permanent: PermanentStatuses = DEFAULT_PERMANENT,
    faults_before: int = 0,
    random: Callable[[], float] = _random.random,
) -> Delivered | RetryAt | DeadLetter:
    """Return the next step after an attempt that ended with `status` (0: no answer).

    `schedule[i]` is the wait in seconds after the attempt before which `i` were charged; when it
    is used up, or empty, the delivery is dead-lettered. `charged_before` counts the attempts
    before this one that spent the schedule, `faults_before` the faults of ours in a row directly
    before this one. A longer `retry_after` (seconds) wins over the schedule, up to
    RETRY_AFTER_MAX, but does not outlive it.
    """
    if 200 <= status <= 299:  # noqa: PLR2004
        return Delivered()
    if status == 410:  # noqa: PLR2004
        return DeadLetter("gone")
    if status in permanent:
        return DeadLetter("permanent")
    if status == 0 and error_kind in OURS:
        return RetryAt(our_fault_delay(error_kind, faults_before, random()), charged=False)
    if charged_before >= len(schedule):
        return DeadLetter("exhausted")
    delay = max(schedule[charged_before], min(retry_after or 0.0, RETRY_AFTER_MAX))
    return RetryAt(delay + min(delay * JITTER * random(), JITTER_MAX), charged=True)


def our_fault_delay(error_kind: str | None, faults_before: int, chance: float) -> float:
    """Seconds from 1 to the limit, twice as long each time, spread over as much again."""
    stale = error_kind == ErrorKind.STALE_CONNECTION
    limit = STALE_CONNECTION_DELAY_MAX if stale else OUR_FAULT_DELAY_MAX
    return min(2.0 ** min(faults_before, 10), limit / 2) * (1.0 + chance)
