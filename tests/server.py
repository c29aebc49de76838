"""`manage.py serve` on the test database, as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 20
#: The server itself kills a worker that has not ended within 30 s.
STOP_SECONDS = 40


class Server:
    """A running server; `process` is granian's parent."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def worker_pids(self) -> list[int]:
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listing.read_text().split()]

    def stop(self) -> int:
        """Ask it to end; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_SECONDS)


def database_url() -> str:
    """Return where this process's Django keeps its rows, for another process."""
    name = connection.settings_dict["NAME"]
    # pytest-django makes a database only if a test of the session says that it uses one.
    if not name.startswith("test_"):
        raise RuntimeError(f"{name} is not the database of the tests.")
    return make_conninfo(os.environ["DATABASE_URL"], dbname=name)


@contextmanager
def running_server(
    environment: Mapping[str, str], *options: str, log: Path | None = None
) -> Iterator[Server]:
    """Start a server on a free port, and end it whatever happens."""
    port = _free_port()
    own = {"DJANGO_SETTINGS_MODULE": "webhooks_platform.settings"}
    with (log or Path(os.devnull)).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port), *options],
            cwd=ROOT,
            env={**os.environ, **environment, **own},
            stdout=output,
            stderr=output,
        )
        try:
            _wait_until_it_listens(process, port)
            yield Server(process, port)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=STOP_SECONDS)
            finally:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    """The socket listens before a worker answers, so a whole exchange is made."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with status {process.returncode}.")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS) as probe:
                probe.sendall(b"GET /api/v1/none HTTP/1.0\r\nHost: localhost\r\n\r\n")
                if probe.recv(1):
                    return
        except ConnectionError:
            time.sleep(0.05)
    raise RuntimeError("The server does not answer.")
