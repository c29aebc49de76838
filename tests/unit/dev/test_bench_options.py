"""What `make bench` takes on its command line."""

import pytest

from dev.bench.options import Options, read_options


def installed(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name in programs else None)


def test_what_is_installed_is_used_and_a_schedule_is_kept_by_our_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, "wrk", "nginx")

    burst, rate = read_options([]), read_options(["--mode", "rate"])

    assert (burst.publisher, burst.receiver) == ("wrk", "nginx")
    assert (rate.publisher, rate.receiver) == ("own", "own")


def test_without_wrk_and_nginx_our_own_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)

    assert read_options(["--events", "20000"]) == Options()


def test_seconds_and_rate_give_the_number_of_events() -> None:
    assert read_options(["--mode", "rate", "--rate", "200", "--seconds", "10"]).events == 2_000
    assert read_options(["--mode", "noisy", "--rate", "5", "--events", "500"]).events == 500
    assert read_options(["--seconds", "3"]).events == 20_000


def test_batches_hold_a_hundred_events_unless_told_otherwise() -> None:
    assert read_options([]).batch == 1
    assert read_options(["--mode", "batch"]).batch == 100
    assert read_options(["--mode", "batch", "--batch", "20"]).batch == 20


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param("--endpoints 10 --fan-out 3", id="endpoints that do not divide into groups"),
        pytest.param("--mode batch --events 150", id="half a batch"),
        pytest.param("--mode rate --publisher wrk", id="wrk keeps no schedule"),
        pytest.param("--mode rate --batch 2", id="a schedule is of single events"),
        pytest.param("--mode noisy --receiver nginx", id="nginx always answers"),
        pytest.param("--repeat 0", id="no run at all"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: str) -> None:
    with pytest.raises(SystemExit) as refused:
        read_options(arguments.split())

    assert refused.value.code == 2
