"""What the platform counts of itself, with functions cheap enough for the delivery path.

Labels are bounded sets of ours; no tenant, endpoint, event type or URL is ever one. The
functions take batches: what one statement recorded is added up first, and each series is then
written once (measured: a single write to a shared series costs about 1.5 µs).
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram

OUTCOMES = ("delivered", "retry", "dead")
STATUS_CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")
#: Statuses by which a receiver says that it does not accept our signature or credentials.
UNAUTHORIZED = frozenset({401, 403})
SEND_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
END_TO_END_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 300.0, 1800.0, 7200.0, 43200.0, 86400.0),
)

EVENTS_ACCEPTED = Counter(
    "webhook_events_accepted_total", "Events committed to the database and acknowledged."
)
ATTEMPTS = Counter(
    "webhook_delivery_attempts_total",
    "HTTP requests made to receivers, by what follows and the class of the answer's status.",
    ["outcome", "status_class"],
)
ERRORS = Counter(
    "webhook_delivery_errors_total", "Failed attempts by error kind (docs/operations.md).", ["kind"]
)
UNAUTHORIZED_ANSWERS = Counter(
    "webhook_receiver_unauthorized_total", "Attempts that receivers answered with 401 or 403."
)
SEND_SECONDS = Histogram(
    "webhook_delivery_duration_seconds",
    "Time of one exchange with a receiver, from resolving its name to its answer.",
    buckets=SEND_BUCKETS,
)
END_TO_END_SECONDS = Histogram(
    "webhook_end_to_end_seconds",
    "Time from accepting an event to a receiver's 2xx, retries included.",
    buckets=END_TO_END_BUCKETS,
)
FIRST_ATTEMPT_SECONDS = Histogram(
    "webhook_first_attempt_seconds",
    "Time from accepting an event to the end of its first attempt at an endpoint.",
    buckets=END_TO_END_BUCKETS,
)
HINT_FAILURES = Counter(
    "webhook_hint_failures_total", "Wake-up hints that Redis did not take; they cost latency only."
)
STALE_OUTCOMES = Counter(
    "webhook_stale_outcomes_total", "Outcomes refused because their lease had been taken back."
)
SWEEPS = Counter("webhook_sweeps_total", "Looks for expired leases.")
SWEPT = Counter(
    "webhook_swept_deliveries_total", "Deliveries taken back from workers that had died."
)
KEYS_REFUSED = Counter("webhook_api_unauthorized_total", "API requests answered with 401 or 403.")
IN_FLIGHT = Gauge(
    "webhook_deliveries_in_flight",
    "Requests to receivers that are open now.",
    multiprocess_mode="livesum",
)


class AttemptFact(NamedTuple):
    """What the metrics need to know of one request made to a receiver."""

    #: One of OUTCOMES: what follows.
    outcome: str
    #: 0 for a network failure.
    status_code: int
    #: error_kinds.ErrorKind, None for a success.
    error_kind: str | None
    #: Seconds the exchange took; None when it is not known.
    seconds: float | None
    #: Seconds since the event was accepted; None for an attempt that a person asked for.
    age: float | None
    #: Number of the attempt; 1 is the first.
    number: int


_attempts = {
    (outcome, status_class): ATTEMPTS.labels(outcome, status_class)
    for outcome in OUTCOMES
    for status_class in STATUS_CLASSES
}


def status_class(status_code: int) -> str:
    """Return `2xx` and so on; `none` when there was no answer."""
    hundreds = status_code // 100
    return STATUS_CLASSES[hundreds] if 1 <= hundreds < len(STATUS_CLASSES) else "none"


def observe_accepted(events: int) -> None:
    """Count events whose transaction has committed."""
    EVENTS_ACCEPTED.inc(events)


def observe_attempts(facts: Iterable[AttemptFact]) -> None:
    """Count one recorded batch of attempts."""
    facts = list(facts)
    for (outcome, code), count in Tally((f.outcome, f.status_code) for f in facts).items():
        _attempts[outcome, status_class(code)].inc(count)
        if code in UNAUTHORIZED:
            UNAUTHORIZED_ANSWERS.inc(count)
    for kind, count in Tally(f.error_kind for f in facts if f.error_kind).items():
        ERRORS.labels(kind).inc(count)
    _observe(SEND_SECONDS, SEND_BUCKETS, [f.seconds for f in facts if f.seconds is not None])
    ages = [f.age for f in facts if f.outcome == "delivered" and f.age is not None]
    _observe(END_TO_END_SECONDS, END_TO_END_BUCKETS, ages)
    firsts = [f.age for f in facts if f.number == 1 and f.age is not None]
    _observe(FIRST_ATTEMPT_SECONDS, END_TO_END_BUCKETS, firsts)


def _observe(histogram: Histogram, bounds: tuple[float, ...], values: list[float]) -> None:
    """Add many values with one write a bucket; Histogram.observe writes twice for each value."""
    if not values:
        return
    for index, count in Tally(bisect_left(bounds, value) for value in values).items():
        histogram._buckets[index].inc(count)
    # Clocks of two machines may differ; a sum that fell would look like a restart.
    histogram._sum.inc(sum(max(0.0, value) for value in values))


def observe_hint_failure() -> None:
    HINT_FAILURES.inc()


def observe_stale_outcomes(count: int) -> None:
    """Count outcomes that came after their lease had been taken back."""
    STALE_OUTCOMES.inc(count)


def observe_sweep(deliveries: int) -> None:
    """Count one sweep and the deliveries it gave back."""
    SWEEPS.inc()
    if deliveries:
        SWEPT.inc(deliveries)


def observe_api_refusal() -> None:
    """Count an API request refused for its key."""
    KEYS_REFUSED.inc()


def set_in_flight(count: int) -> None:
    """Say how many requests this process has open."""
    IN_FLIGHT.set(count)
