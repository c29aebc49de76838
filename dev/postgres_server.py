"""An embedded PostgreSQL on a unix socket, with a database and an ordinary role for the platform.

The role may create databases (tests do) and signal its own backends, but is no superuser, so
that nothing comes to rely on more than production grants.
"""

import os
import shutil
import signal
import time
from pathlib import Path

import psycopg

from dev.binaries import Binaries
from dev.errors import DevError
from dev.guardian import Guardian
from dev.identity import ServerUser
from dev.processes import Process, ProcessFailedError

#: Seconds. Recovery after a power cut replays at most one checkpoint distance of WAL.
_READY_WITHIN = 120.0
_INITDB_WITHIN = 120.0
_OLD_SERVER_ENDS_WITHIN = 20.0
_SUPERUSER = "postgres"
_ROLE = _DATABASE = "webhooks"
_VERSION = "18"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Values of a failing statement can be payloads or secrets.
    "log_error_verbosity": "terse",
    # Segments in files below the data, not in /dev/shm: nothing can be left there.
    "dynamic_shared_memory_type": "mmap",
}
#: Test data may be lost with the power; a commit then costs no disk flush.
_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}


class OtherVersionError(DevError):
    """The kept data belong to another major version of PostgreSQL."""


class PostgresServer:
    def __init__(
        self,
        binaries: Binaries,
        data: Path,
        sockets: Path,
        log: Path,
        *,
        user: ServerUser,
        guardian: Guardian,
        durable: bool,
    ) -> None:
        self.data = data
        self.sockets = sockets
        self._durable = durable
        self._user = user
        self._log = log
        self._guardian = guardian
        self._initdb = binaries.initdb
        self._process = self._program("PostgreSQL", self._command(binaries.postgres))

    @property
    def url(self) -> str:
        return f"postgresql://{_ROLE}@/{_DATABASE}?host={self.sockets}"

    @property
    def superuser_url(self) -> str:
        """For fault injection and measurements; the platform itself never gets it."""
        return f"postgresql://{_SUPERUSER}@/{_DATABASE}?host={self.sockets}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def start(self) -> None:
        """Make the data directory if there is none, and return when connections are accepted."""
        self._make_data()
        self._clear_stale_lock()
        self._process.start()
        self._process.wait_until(self._answers, within=_READY_WITHIN)
        self._make_database()

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, a checkpoint is written."""
        self._process.stop(within=60.0)

    def kill(self) -> None:
        """SIGKILL the postmaster; its backends notice and end, the next start recovers."""
        self._process.kill()

    def _program(self, name: str, command: list[str | Path]) -> Process:
        return Process(
            name=name,
            command=command,
            log=self._log,
            guardian=self._guardian,
            environment={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            user=self._user,
            stop_signal=signal.SIGINT,
            # Immediate shutdown: backends, socket and shared memory go at once, data are safe.
            death_signal=signal.SIGQUIT,
        )

    def _command(self, program: Path) -> list[str | Path]:
        settings = _SETTINGS if self._durable else {**_SETTINGS, **_FORGETFUL}
        settings = {**settings, "unix_socket_directories": str(self.sockets)}
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        return [program, "-D", self.data, *options]

    def _make_data(self) -> None:
        if self.data.is_dir():
            self._check_version()
        else:
            self._initialise(self.data.with_name(self.data.name + ".new"))

    def _initialise(self, unfinished: Path) -> None:
        """Run initdb beside the final place, so that a broken first start leaves no half."""
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._user.own(unfinished)
        initdb = self._program("initdb", self._initdb_command(unfinished))
        initdb.start()
        initdb.wait_for_success(within=_INITDB_WITHIN)
        unfinished.rename(self.data)

    def _initdb_command(self, target: Path) -> list[str | Path]:
        """The built-in locale provider sorts alike on every system, whatever its C library."""
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Only users who can enter the private socket directory can connect at all.
        access = [f"--username={_SUPERUSER}", "--auth=trust"]
        speed = ["--no-instructions"] if self._durable else ["--no-instructions", "--no-sync"]
        return [self._initdb, "-D", target, "--encoding=UTF8", *locale, *access, *speed]

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != _VERSION:
            raise OtherVersionError(
                f"{self.data} holds data of PostgreSQL {found}, this is {_VERSION}: "
                "move the directory away to start afresh."
            )

    def _clear_stale_lock(self) -> None:
        """Remove what a power cut left; end a server that outlived its launcher.

        Safe only because the caller holds the lock on these data.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            lock.unlink(missing_ok=True)
            return
        if _serves(pid, self.data):
            os.kill(pid, signal.SIGQUIT)
            _wait_for_end(pid, self.data)
        lock.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._bootstrap_url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _bootstrap_url(self) -> str:
        return f"postgresql://{_SUPERUSER}@/postgres?host={self.sockets}"

    def _make_database(self) -> None:
        """Make role and database unless they exist; each step also completes an earlier try."""
        with psycopg.connect(self._bootstrap_url, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [_ROLE])
            if known.fetchone() is None:
                connection.execute(f"CREATE ROLE {_ROLE} LOGIN CREATEDB")
            connection.execute(f"GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO {_ROLE}")
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE])
            if known.fetchone() is None:
                connection.execute(f"CREATE DATABASE {_DATABASE} OWNER {_ROLE}")


def _serves(pid: int, data: Path) -> bool:
    """Say whether the process is a PostgreSQL on these data; its number may have a new owner."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return bytes(data) in command.split(b"\0")


def _wait_for_end(pid: int, data: Path) -> None:
    deadline = time.monotonic() + _OLD_SERVER_ENDS_WITHIN
    while _serves(pid, data):
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"An older PostgreSQL (process {pid}) still uses {data}.")
        time.sleep(0.05)
