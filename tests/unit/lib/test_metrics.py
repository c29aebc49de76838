"""Counting without a database; the registry is the process's own."""

import os
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from webhooks_platform.lib import metrics, metrics_directory
from webhooks_platform.lib.metrics import AttemptFact


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, "none"),
        (99, "none"),
        (100, "1xx"),
        (204, "2xx"),
        (302, "3xx"),
        (599, "5xx"),
        (600, "none"),
    ],
)
def test_status_classes(code: int, expected: str) -> None:
    assert metrics.status_class(code) == expected


def test_a_batch_of_attempts_is_counted_by_outcome_status_and_kind() -> None:
    delivered = {"outcome": "delivered", "status_class": "2xx"}
    retry = {"outcome": "retry", "status_class": "none"}
    dead = {"outcome": "dead", "status_class": "4xx"}
    names = "webhook_delivery_attempts_total"
    before = [value(names, **labels) for labels in (delivered, retry, dead)]
    timeouts = value("webhook_delivery_errors_total", kind="timeout")
    refused = value("webhook_receiver_unauthorized_total")

    metrics.observe_attempts(
        [
            AttemptFact("delivered", 200, None, 0.01, 0.5, 1),
            AttemptFact("delivered", 204, None, 0.01, 0.5, 1),
            AttemptFact("retry", 0, "timeout", 15.0, 16.0, 1),
            AttemptFact("dead", 401, "http_status", 0.1, 50.0, 6),
        ]
    )

    after = [value(names, **labels) for labels in (delivered, retry, dead)]
    assert [a - b for a, b in zip(after, before, strict=True)] == [2, 1, 1]
    assert value("webhook_delivery_errors_total", kind="timeout") - timeouts == 1
    assert value("webhook_receiver_unauthorized_total") - refused == 1


def test_histograms_put_values_where_prometheus_does() -> None:
    name = "webhook_delivery_duration_seconds"
    bounds = ("0.005", "0.01", "15.0", "30.0", "+Inf")
    before = [value(f"{name}_bucket", le=bound) for bound in bounds]
    total, count = value(f"{name}_sum"), value(f"{name}_count")

    seconds = (0.001, 0.005, 0.0051, 20.0, 31.0)
    metrics.observe_attempts([AttemptFact("retry", 503, None, s, 1.0, 2) for s in seconds])

    after = [value(f"{name}_bucket", le=bound) for bound in bounds]
    assert [a - b for a, b in zip(after, before, strict=True)] == [2, 3, 3, 4, 5]
    assert value(f"{name}_sum") - total == pytest.approx(sum(seconds))
    assert value(f"{name}_count") - count == 5


def test_end_to_end_counts_deliveries_and_first_attempts_count_once() -> None:
    ends, firsts = (
        value(f"webhook_{name}_seconds_count") for name in ("end_to_end", "first_attempt")
    )

    metrics.observe_attempts(
        [
            AttemptFact("retry", 503, None, 0.1, 1.0, 1),
            AttemptFact("delivered", 200, None, 0.1, 61.0, 2),
            AttemptFact("retry", 0, "worker_lost", None, -5.0, 1),
        ]
    )

    assert value("webhook_end_to_end_seconds_count") - ends == 1
    assert value("webhook_first_attempt_seconds_count") - firsts == 2


def test_an_own_directory_is_private_and_named_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_directory.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv(metrics_directory.VARIABLE, raising=False)
    metrics_directory.share("postgresql://u:one@host:5432/webhooks")
    first = os.environ[metrics_directory.VARIABLE]
    monkeypatch.delenv(metrics_directory.VARIABLE)
    metrics_directory.share("postgresql://u:two@host:5432/webhooks")

    assert os.environ[metrics_directory.VARIABLE] == first
    assert Path(first).parent == tmp_path
    assert Path(first).stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv(metrics_directory.VARIABLE)


def test_a_directory_that_others_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_directory.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv(metrics_directory.VARIABLE, raising=False)
    metrics_directory.share("postgresql://host/webhooks")
    Path(os.environ[metrics_directory.VARIABLE]).chmod(0o770)
    monkeypatch.delenv(metrics_directory.VARIABLE)

    with pytest.raises(metrics_directory.UnsafeDirectoryError, match="is not ours alone"):
        metrics_directory.share("postgresql://host/webhooks")
    assert metrics_directory.VARIABLE not in os.environ


def test_an_operators_directory_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metrics_directory.VARIABLE, str(tmp_path))

    metrics_directory.share("postgresql://host/webhooks")

    assert os.environ[metrics_directory.VARIABLE] == str(tmp_path)


def test_files_of_dead_processes_go_only_when_no_process_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_directory.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv(metrics_directory.VARIABLE, raising=False)
    metrics_directory.share("postgresql://host/webhooks")
    directory = Path(os.environ[metrics_directory.VARIABLE])
    mine, dead = (
        directory / f"counter_{metrics_directory._host}-{pid}.db" for pid in (os.getpid(), 2**30)
    )
    mine.touch()
    dead.touch()

    def start() -> list[Path]:
        monkeypatch.delenv(metrics_directory.VARIABLE)
        metrics_directory.share("postgresql://host/webhooks")
        return sorted(directory.glob("*.db"))

    assert start() == sorted([mine, dead])
    mine.unlink()
    assert start() == []
    monkeypatch.delenv(metrics_directory.VARIABLE)


@pytest.mark.parametrize(
    ("command", "shared"),
    [
        pytest.param(["/venv/bin/celery", "worker"], True, id="celery as a script"),
        pytest.param(["/venv/lib/celery/__main__.py", "beat"], True, id="celery as a module"),
        pytest.param(["manage.py", "serve", "--port", "0"], True, id="the API server"),
        pytest.param(["manage.py", "migrate"], False, id="another command"),
        pytest.param([""], False, id="no command"),
    ],
)
def test_only_what_lasts_shares(
    command: list[str], shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_directory.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.delenv(metrics_directory.VARIABLE, raising=False)

    metrics_directory.share_if_lasting("postgresql://host/webhooks")

    assert (metrics_directory.VARIABLE in os.environ) is shared
    monkeypatch.delenv(metrics_directory.VARIABLE, raising=False)
