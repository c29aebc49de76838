"""Counting without a database; the registry is the process's own."""

import os
import subprocess
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


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of our own that this process has not entered yet."""
    monkeypatch.setattr(metrics_directory.tempfile, "gettempdir", lambda: str(tmp_path))
    return metrics_directory._own_directory("postgresql://host/webhooks")


def test_files_of_the_dead_go_only_when_nobody_is_left(directory: Path) -> None:
    first = metrics_directory._enter(directory)
    (directory / "counter_host-1.db").touch()

    second = metrics_directory._enter(directory)
    assert len(list(directory.glob("*.db"))) == 1
    # As the kernel does when they are killed.
    os.close(first)
    os.close(second)
    third = metrics_directory._enter(directory)

    assert list(directory.glob("*.db")) == []
    assert len(list(directory.glob("*.mark"))) == 1
    os.close(third)


def test_the_last_one_to_leave_removes_the_directory(directory: Path) -> None:
    first, second = metrics_directory._enter(directory), metrics_directory._enter(directory)
    (directory / "counter_host-1.db").touch()

    metrics_directory._leave(directory, first, os.getpid())
    assert (directory / "counter_host-1.db").exists()
    metrics_directory._leave(directory, second, os.getpid() + 1)
    assert directory.exists()
    metrics_directory._leave(directory, second, os.getpid())

    assert not directory.exists()


def test_a_child_that_inherits_the_directory_enters_it_too(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metrics_directory.VARIABLE, str(directory))

    metrics_directory.share("postgresql://host/webhooks")

    assert len(list(directory.glob("*.mark"))) == 1


def test_many_that_come_and_go_at_once_always_find_a_place(tmp_path: Path) -> None:
    script = (
        "import sys, tempfile; from pathlib import Path; sys.argv[1:] = ['serve'];"
        "from webhooks_platform.lib import metrics_directory as m;"
        "m.share_if_lasting('postgresql://host/webhooks');"
        "m.name_processes();"
        "from webhooks_platform.lib import metrics; metrics.observe_accepted(1)"
    )
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    comers = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(6)]

    assert [comer.wait() for comer in comers] == [0] * 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "shared"),
    [
        pytest.param(["/venv/bin/celery", "worker"], True, id="celery as a script"),
        pytest.param(["/venv/lib/celery/__main__.py", "beat"], True, id="celery as a module"),
        pytest.param(["/venv/bin/celery", "-A", "x", "inspect"], False, id="it inspects"),
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
