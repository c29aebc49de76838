"""A real PostgreSQL and Redis without an installation, from the binaries of two wheels.

`python -m dev.embedded [DIRECTORY]` starts both on kept data, prints their URLs and stays until
Ctrl-C or SIGTERM. However the command ends, SIGKILL included, the servers end with it.
"""

import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from dev.binaries import find_binaries
from dev.directories import data_directory, make_passable, make_private, temporary_directory
from dev.errors import DevError
from dev.guardian import Guardian
from dev.identity import server_user
from dev.locks import DirectoryLock
from dev.postgres_server import PostgresServer
from dev.redis_server import RedisServer
from dev.terminal import run, say, wait_for_signal

CHECKOUT = Path(__file__).resolve().parent.parent


class ClosedDirectoryError(DevError):
    """The servers' user cannot reach the data directory, and its modes are not ours to change."""


class EmbeddedStores:
    """Both servers over one data directory, as a context manager or by `start` and `stop`.

    `data_dir` holds the PostgreSQL cluster, the logs and a lock against a second start; sockets
    and Redis live in a temporary directory. Not durable means: for data that may be lost with the
    power, as in tests. `postgres` and `redis` can be stopped, killed and started one by one.
    """

    def __init__(
        self, data_dir: Path, *, durable: bool = True, guardian: Guardian | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_dir = self.data_dir / "log"
        self._durable = durable
        self._guardian = guardian or Guardian()
        self._closes_guardian = guardian is None
        self._lock = DirectoryLock(self.data_dir)
        self._servers: tuple[PostgresServer, RedisServer] | None = None
        self._run_dir: Path | None = None

    @property
    def postgres(self) -> PostgresServer:
        return self._started()[0]

    @property
    def redis(self) -> RedisServer:
        return self._started()[1]

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        return self.redis.url

    def start(self) -> None:
        """Return when both accept connections. Raises `InUseError` when the data are locked."""
        self._make_data_dir()
        self._lock.acquire()
        try:
            self._clear_logs()
            postgres, redis = self._servers = self._prepare()
            redis.spawn()
            postgres.start()
            redis.wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both in good order and remove the sockets; kept data stay."""
        if self._servers is not None:
            for server in self._servers:
                server.stop()
            self._servers = None
        if self._run_dir is not None:
            shutil.rmtree(self._run_dir, ignore_errors=True)
            self._run_dir = None
        self._lock.release()
        if self._closes_guardian:
            self._guardian.close()

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

    def _started(self) -> tuple[PostgresServer, RedisServer]:
        if self._servers is None:
            raise RuntimeError("The embedded stores have not been started.")
        return self._servers

    def _make_data_dir(self) -> None:
        make_passable(self.data_dir)
        user = server_user()
        if not user.may_enter(self.data_dir):
            raise ClosedDirectoryError(
                f"The servers run as user id {user.uid}, which cannot enter {self.data_dir}: "
                "choose a directory whose parents all let others through."
            )
        make_private(self.log_dir)

    def _clear_logs(self) -> None:
        """Drop the last run's logs; whoever holds the lock owns the directory."""
        for log in self.log_dir.glob("*.log"):
            log.unlink()

    def _prepare(self) -> tuple[PostgresServer, RedisServer]:
        user = server_user()
        run_dir = self._run_dir = temporary_directory(user)
        self._guardian.remove_at_end(run_dir)
        binaries = find_binaries(user, run_dir / "bin")
        postgres = PostgresServer(
            binaries,
            self.data_dir / "postgres",
            run_dir,
            self.log_dir / "postgres.log",
            user=user,
            guardian=self._guardian,
            durable=self._durable,
        )
        log = self.log_dir / "redis.log"
        return postgres, RedisServer(binaries, run_dir, log, user=user, guardian=self._guardian)


def main() -> NoReturn:
    given = sys.argv[1:]
    data_dir = Path(given[0]) if given else data_directory(CHECKOUT)
    with EmbeddedStores(data_dir) as stores:
        say(f"DATABASE_URL={stores.database_url}")
        say(f"REDIS_URL={stores.redis_url}")
        wait_for_signal()


if __name__ == "__main__":
    run(main)
