"""The platform's own processes over given stores: migrate, then API server, worker and beat."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.directories import temporary_directory
from dev.errors import DevError
from dev.guardian import Guardian
from dev.identity import ourselves
from dev.ports import free_port, refuse_taken_port
from dev.processes import Process

CHECKOUT = Path(__file__).resolve().parent.parent
#: Seconds; a first migration takes three, a loaded machine several times that.
_MIGRATED_WITHIN = 180.0
_READY_WITHIN = 90.0
#: Seconds for finishing what is in flight; a worker's own limit is five more than a send's.
_STOPPED_WITHIN = 25.0


class CommandFailedError(DevError):
    """A management command ended with an error; the text is what it wrote to standard error."""


@dataclass(frozen=True)
class Plan:
    """What to run, and where. Port 0 picks a free one."""

    database_url: str
    redis_url: str
    secret_key: str
    encryption_keys: str
    #: For logs, beat's schedule and the metrics' shared files; made by the caller, private.
    run_dir: Path
    port: int = 0
    host: str = "127.0.0.1"
    api_workers: int = 1
    worker_processes: int = 1
    workers: int = 1
    #: More than one is never needed, and harmless.
    beats: int = 1
    #: More of the operator's variables, WEBHOOKS_RETRY_SCHEDULE for one.
    settings: Mapping[str, str] = field(default_factory=dict)


class Services:
    """A running platform, as a context manager or by `start` and `stop`."""

    def __init__(self, plan: Plan, guardian: Guardian) -> None:
        self._plan = plan
        self._guardian = guardian
        self.run_dir = plan.run_dir
        self.port = plan.port or free_port(plan.host)
        self.url = f"http://{plan.host}:{self.port}"
        self.environment = _environment(plan, self.url, self._temporary_directory())
        self._migrate = self._manage_process("migrate", "migrate", "--no-input")
        serve = ["--host", plan.host, "--port", str(self.port), "--workers", str(plan.api_workers)]
        self.api = self._manage_process("api", "serve", *serve)
        self.workers = [self._worker(number) for number in range(1, plan.workers + 1)]
        self.beats = [self._beat(number) for number in range(1, plan.beats + 1)]

    @property
    def processes(self) -> list[Process]:
        """In the order in which they are asked to stop: no new work comes in first."""
        return [self._migrate, self.api, *self.beats, *self.workers]

    def start(self) -> None:
        """Return when the API answers and everything runs. Raises `ProcessFailedError` if not."""
        try:
            self.migrate()
            self.launch()
            self.wait()
        except BaseException:
            self.stop()
            raise

    def migrate(self) -> None:
        """Bring the database up to date, and clear the run directory."""
        refuse_taken_port(self._plan.host, self.port)
        self._clear_run_dir()
        self._migrate.start()
        self._migrate.wait_for_success(within=_MIGRATED_WITHIN)

    def launch(self) -> None:
        """Start all processes without waiting; management commands can run meanwhile."""
        for process in self._lasting():
            process.start()

    def wait(self) -> None:
        self.api.wait_until(self._answers, within=_READY_WITHIN)
        self.check()

    def wait_for_failure(self, *, within: float) -> None:
        """Return after the time; raise `ProcessFailedError` if a process has ended by then."""
        time.sleep(within)
        self.check()

    def check(self) -> None:
        """Raise `ProcessFailedError` with the end of its log if any process has ended."""
        for process in self._lasting():
            process.check()

    def stop(self) -> None:
        """Ask all to stop, API first, and kill what is left after 25 s."""
        for process in self.processes:
            if process.running:
                process.ask_to_stop()
        for process in self.processes:
            process.stop(within=_STOPPED_WITHIN)

    def manage(self, *arguments: str, **variables: str) -> str:
        """Run a management command to its end and return what it printed."""
        finished = subprocess.run(  # noqa: S603  Commands come from this package only.
            [sys.executable, str(CHECKOUT / "manage.py"), *arguments],
            cwd=CHECKOUT,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            raise CommandFailedError(f"manage.py {arguments[0]}: {finished.stderr.strip()}")
        return finished.stdout.strip()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _temporary_directory(self) -> Path:
        """Make one that goes with us: a killed Celery leaves its `pymp-…` behind.

        Not in the run directory, whose path may be too long for sockets.
        """
        made = temporary_directory(ourselves())
        self._guardian.remove_at_end(made)
        return made

    def _lasting(self) -> list[Process]:
        return [process for process in self.processes if process is not self._migrate]

    def _answers(self) -> bool:
        return _status(self._plan.host, self.port, "/readyz") == HTTPStatus.OK

    def _clear_run_dir(self) -> None:
        """Drop the last run's traces; metrics of its processes would be added to ours."""
        metrics = Path(self.environment["PROMETHEUS_MULTIPROC_DIR"])
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        for pattern in ("beat*-schedule*", "*.log"):
            for trace in self._plan.run_dir.glob(pattern):
                trace.unlink()

    def _worker(self, number: int) -> Process:
        name = "worker" if self._plan.workers == 1 else f"worker{number}"
        processes = ["--concurrency", str(self._plan.worker_processes)]
        return self._celery_process(name, "worker", *processes, "--hostname", f"{name}@%h")

    def _beat(self, number: int) -> Process:
        name = "beat" if self._plan.beats == 1 else f"beat{number}"
        schedule = str(self._plan.run_dir / f"{name}-schedule")
        return self._celery_process(name, "beat", "--schedule", schedule, "--pidfile=")

    def _manage_process(self, name: str, *arguments: str) -> Process:
        return self._process(name, str(CHECKOUT / "manage.py"), *arguments)

    def _celery_process(self, name: str, *arguments: str) -> Process:
        application = ["-m", "celery", "-A", "webhooks_platform"]
        return self._process(name, *application, *arguments, "--loglevel", "INFO")

    def _process(self, name: str, *arguments: str) -> Process:
        return Process(
            name=name,
            command=[sys.executable, *arguments],
            log=self._plan.run_dir / f"{name}.log",
            guardian=self._guardian,
            environment=self.environment,
            directory=CHECKOUT,
        )


def _environment(plan: Plan, url: str, temporary: Path) -> dict[str, str]:
    """The caller's environment with the plan's values on top."""
    return {
        "WEBHOOKS_PUBLIC_URL": url,
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "webhooks_platform.settings",
        "WEBHOOKS_ENV": "development",
        **plan.settings,
        "DATABASE_URL": plan.database_url,
        "REDIS_URL": plan.redis_url,
        "SECRET_KEY": plan.secret_key,
        "WEBHOOKS_ENCRYPTION_KEYS": plan.encryption_keys,
        "PROMETHEUS_MULTIPROC_DIR": str(plan.run_dir / "metrics"),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }


def _status(host: str, port: int, path: str) -> int | None:
    """Return the answer's status, or None while nobody answers."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
