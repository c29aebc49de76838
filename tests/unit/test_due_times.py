import time

import pytest

from deliveries.due_times import DueTimes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def wait(due: DueTimes, looked_at: float = 100.0) -> float:
    return round(due.until_next(looked_at=looked_at, most=0.9), 3)


def test_the_nearest_due_time_counts(clock: list[float]) -> None:
    due = DueTimes()
    assert wait(due) == 0.9
    due.add(0.5)
    due.add(0.2)
    due.add(7.0)
    assert wait(due) == 0.201
    clock[0] = 100.3
    assert wait(due) == 0.001
    assert wait(due, looked_at=100.3) == 0.201


def test_tokens_are_looked_for_at_most_twenty_times_a_second(clock: list[float]) -> None:
    due = DueTimes()
    due.throttled(0.002)
    assert wait(due) == 0.051
    due.throttled(-3.0)
    assert wait(due) == 0.051
    due.throttled(0.4)
    assert wait(due) == 0.401


def test_the_last_claim_knows_what_is_throttled(clock: list[float]) -> None:
    due = DueTimes()
    due.throttled(0.2)
    due.add(0.3)
    due.throttled(None)
    assert wait(due) == 0.301
