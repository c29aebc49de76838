import random

import pytest

from deliveries.error_kinds import HOLDS_SLOT, OURS, ErrorKind
from deliveries.retry_policy import (
    DEFAULT_PERMANENT,
    DeadLetter,
    Delivered,
    PermanentStatuses,
    PermanentStatusesError,
    RetryAt,
    decide,
)

SCHEDULE = (60.0, 300.0, 1800.0, 7200.0, 43200.0)
NEVER = PermanentStatuses.parse("")


def judge(status=0, error_kind=None, charged_before=0, chance=0.0, **policy):
    return decide(
        status=status,
        error_kind=error_kind,
        charged_before=charged_before,
        schedule=policy.pop("schedule", SCHEDULE),
        random=lambda: chance,
        **policy,
    )


@pytest.mark.parametrize(
    ("status", "error_kind", "decision"),
    [
        pytest.param(200, None, Delivered(), id="200"),
        pytest.param(204, None, Delivered(), id="204"),
        pytest.param(299, None, Delivered(), id="299"),
        pytest.param(301, None, RetryAt(60.0, True), id="redirects-are-failures"),
        pytest.param(304, None, RetryAt(60.0, True), id="304"),
        pytest.param(400, None, DeadLetter("permanent"), id="400"),
        pytest.param(401, None, DeadLetter("permanent"), id="401"),
        pytest.param(404, None, DeadLetter("permanent"), id="404"),
        pytest.param(408, None, RetryAt(60.0, True), id="408"),
        pytest.param(410, None, DeadLetter("gone"), id="410"),
        pytest.param(422, None, DeadLetter("permanent"), id="422"),
        pytest.param(425, None, RetryAt(60.0, True), id="425"),
        pytest.param(429, None, RetryAt(60.0, True), id="429"),
        pytest.param(499, None, DeadLetter("permanent"), id="499"),
        pytest.param(500, None, RetryAt(60.0, True), id="500"),
        pytest.param(503, None, RetryAt(60.0, True), id="503"),
        pytest.param(599, None, RetryAt(60.0, True), id="599"),
        pytest.param(999, None, RetryAt(60.0, True), id="made-up-status"),
        pytest.param(500, "timeout", RetryAt(60.0, True), id="status-then-stalled-body"),
    ],
)
def test_each_status_has_its_decision(status, error_kind, decision):
    assert judge(status, error_kind) == decision


@pytest.mark.parametrize("kind", [k for k in ErrorKind if k not in OURS], ids=str)
def test_every_failure_of_theirs_spends_the_schedule(kind):
    assert judge(error_kind=kind, charged_before=1) == RetryAt(300.0, charged=True)
    assert judge(error_kind=kind, charged_before=5) == DeadLetter("exhausted")


@pytest.mark.parametrize("kind", sorted(OURS), ids=str)
def test_no_fault_of_ours_spends_the_schedule_even_when_it_is_used_up(kind):
    assert judge(error_kind=kind) == RetryAt(1.0, charged=False)
    assert judge(error_kind=kind, charged_before=5) == RetryAt(1.0, charged=False)
    assert judge(error_kind=kind, schedule=()) == RetryAt(1.0, charged=False)


@pytest.mark.parametrize(
    ("kind", "faults_before", "low", "high"),
    [
        ("dns_ours", 0, 1.0, 2.0),
        ("dns_ours", 1, 2.0, 4.0),
        ("dns_ours", 3, 8.0, 16.0),
        ("dns_ours", 4, 15.0, 30.0),
        ("dns_ours", 10_000, 15.0, 30.0),
        ("stale_connection", 0, 1.0, 2.0),
        ("stale_connection", 1, 2.0, 4.0),
        ("stale_connection", 2, 2.5, 5.0),
        ("stale_connection", 10_000, 2.5, 5.0),
    ],
)
def test_faults_of_ours_in_a_row_wait_longer_up_to_their_limit(kind, faults_before, low, high):
    waits = [
        judge(error_kind=kind, faults_before=faults_before, chance=chance) for chance in (0.0, 1.0)
    ]

    assert waits == [RetryAt(low, charged=False), RetryAt(high, charged=False)]


def test_the_default_schedule_makes_six_attempts():
    steps = [judge(503, charged_before=n) for n in range(6)]

    assert steps == [*(RetryAt(s, charged=True) for s in SCHEDULE), DeadLetter("exhausted")]


def test_an_empty_schedule_means_no_retries():
    assert judge(503, schedule=()) == DeadLetter("exhausted")


def test_fractions_of_a_second_are_kept():
    assert judge(503, schedule=(0.25,)) == RetryAt(0.25, charged=True)


@pytest.mark.parametrize(
    ("status", "charged_before", "retry_after", "delay"),
    [
        pytest.param(429, 0, 120.0, 120.0, id="longer-than-the-schedule"),
        pytest.param(503, 0, 120.0, 120.0, id="503"),
        pytest.param(500, 0, 120.0, 120.0, id="any-retryable-answer"),
        pytest.param(429, 1, 120.0, 300.0, id="shorter-than-the-schedule"),
        pytest.param(429, 0, 0.0, 60.0, id="zero"),
        pytest.param(429, 0, None, 60.0, id="none"),
        pytest.param(429, 0, 10.0**9, 43_200.0, id="beyond-twelve-hours"),
    ],
)
def test_the_longer_of_schedule_and_retry_after_wins(status, charged_before, retry_after, delay):
    assert judge(status, None, charged_before, retry_after=retry_after) == RetryAt(delay, True)


def test_retry_after_neither_outlives_the_schedule_nor_rescues_a_permanent_failure():
    assert judge(429, charged_before=5, retry_after=9.0) == DeadLetter("exhausted")
    assert judge(404, retry_after=9.0) == DeadLetter("permanent")


@pytest.mark.parametrize(("delay", "most"), [(60.0, 66.0), (7200.0, 7920.0), (43_200.0, 44_100.0)])
def test_jitter_is_only_added_and_bounded(delay, most):
    assert judge(503, schedule=(delay,), chance=0.0) == RetryAt(delay, True)
    assert judge(503, schedule=(delay,), chance=1.0) == RetryAt(most, True)


def test_ten_thousand_failures_at_once_come_back_spread():
    rng = random.Random(1)
    for step, share in ((60.0, 0.25), (1800.0, 0.015)):
        seconds = [
            int(judge(503, schedule=(step,), chance=rng.random()).delay_seconds)
            for _ in range(10_000)
        ]
        assert min(seconds) >= step
        assert max(seconds.count(s) for s in set(seconds)) <= share * 10_000


def test_a_policy_may_retry_what_is_permanent_by_default_but_never_a_410():
    assert judge(404, permanent=NEVER) == RetryAt(60.0, charged=True)
    assert judge(410, permanent=NEVER) == DeadLetter("gone")


def test_a_policy_may_give_up_on_server_errors():
    assert judge(501, permanent=PermanentStatuses.parse("501")) == DeadLetter("permanent")


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        pytest.param("", set(), id="empty"),
        pytest.param("404", {404}, id="one"),
        pytest.param(" 404 , 500 - 502 ", {404, 500, 501, 502}, id="spaces"),
        pytest.param("400-402,401-403", {400, 401, 402, 403}, id="overlap"),
        pytest.param("300-300", {300}, id="range-of-one"),
    ],
)
def test_reads_lists_of_statuses(spec, codes):
    assert PermanentStatuses.parse(spec).codes == codes


def test_the_default_list_is_every_4xx_but_the_three_that_mean_later():
    assert DEFAULT_PERMANENT.codes == set(range(400, 500)) - {408, 425, 429}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param("4xx", "'4xx' is neither a status", id="letters"),
        pytest.param("404,", "'' is neither", id="trailing-comma"),
        pytest.param("404;405", "'404;405' is neither", id="semicolon"),
        pytest.param("-404", "'-404' is neither", id="minus"),
        pytest.param("400-", "'400-' is neither", id="open-range"),
        pytest.param("٤٠٤", "is neither", id="other-digits"),
        pytest.param("405-404", "'405-404' must rise", id="falling"),
        pytest.param("200", "'200' must rise and lie within 300 to 599", id="success"),
        pytest.param("600", "'600' must rise and lie within 300 to 599", id="too-high"),
    ],
)
def test_refuses_other_texts_naming_the_part(spec, message):
    with pytest.raises(PermanentStatusesError, match=message):
        PermanentStatuses.parse(spec)


def test_who_is_at_fault_and_what_opens_the_breaker():
    assert {str(k) for k in OURS} == {
        "stale_connection",
        "dns_ours",
        "pool",
        "database",
        "shutdown",
        "worker_lost",
    }
    assert {str(k) for k in HOLDS_SLOT} == {
        "timeout",
        "connect_timeout",
        "connect_refused",
        "connect_error",
        "tls_error",
        "dns_timeout",
    }
    assert ErrorKind.POOL.is_ours and not ErrorKind.TIMEOUT.is_ours
    assert ErrorKind.TIMEOUT.holds_slot and not ErrorKind.HTTP_STATUS.holds_slot
