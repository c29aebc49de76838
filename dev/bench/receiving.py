"""The receiver of a run: nginx, or our own, as a process of its own. Both count distinct ids."""

import json
import os
import shutil
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from dev.guardian import Guardian
from dev.ports import answers, free_port
from dev.processes import Process

HOST = "127.0.0.1"
_CHECKOUT = Path(__file__).resolve().parent.parent.parent
_WITHIN = 30.0

#: One process, like a receiver's; the log is written once in 0.2 s.
_NGINX = """\
daemon off;
{user}worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    log_format arrivals '$msec $connection $uri $http_webhook_id';
    access_log {directory}/arrivals.log arrivals buffer=64k flush=200ms;
    client_body_temp_path {directory}/nginx-body;
    proxy_temp_path {directory}/nginx-proxy;
    fastcgi_temp_path {directory}/nginx-fastcgi;
    uwsgi_temp_path {directory}/nginx-uwsgi;
    scgi_temp_path {directory}/nginx-scgi;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_max_body_size 16m;
    server {{
        listen {host}:{port};
        location / {{ return 200; }}
    }}
}}
"""


@dataclass(frozen=True)
class Counts:
    distinct: int
    duplicates: int
    #: TCP connections that carried at least one webhook.
    connections: int


class Receiving(ABC):
    """A started receiver; `reset` begins a new count."""

    name: str

    def __init__(self, run_dir: Path, guardian: Guardian) -> None:
        self.port = free_port(HOST)
        self.process = self._process(run_dir, guardian)
        self.process.start()
        self.process.wait_until(lambda: answers(HOST, self.port), within=_WITHIN)

    @abstractmethod
    def _process(self, run_dir: Path, guardian: Guardian) -> Process: ...

    @abstractmethod
    def reset(self) -> None: ...

    @abstractmethod
    def counts(self) -> Counts: ...

    @abstractmethod
    def arrivals(self) -> dict[str, int]:
        """Return the first arrival of each `path webhook-id`, in CLOCK_MONOTONIC ns."""


class OwnReceiver(Receiving):
    name = "our own (dev/bench/receiver.py)"

    def reset(self) -> None:
        self._ask("/reset")

    def release(self) -> None:
        """Hang up on whoever waits for an answer of `/hang…`."""
        self._ask("/release")

    def counts(self) -> Counts:
        return Counts(**self._ask("/counts"))

    def arrivals(self) -> dict[str, int]:
        told: dict[str, int] = self._ask("/arrivals")
        return told

    def _process(self, run_dir: Path, guardian: Guardian) -> Process:
        return Process(
            name="receiver",
            command=[sys.executable, "-m", "dev.bench.receiver", str(self.port)],
            log=run_dir / "receiver.log",
            guardian=guardian,
            environment=os.environ,
            directory=_CHECKOUT,
        )

    def _ask(self, path: str) -> Any:
        connection = HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@dataclass
class ArrivalsLog:
    """Lines of nginx' log, read on from where the last reading ended."""

    path: Path
    first: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    connections: set[str] = field(default_factory=set)
    _position: int = 0

    def reset(self) -> None:
        self.read()
        self.first, self.duplicates, self.connections = {}, 0, set()

    def read(self) -> None:
        with self.path.open() as log:
            log.seek(self._position)
            text = log.read()
        whole = text[: text.rfind("\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            self._add(*line.split(" ", 3))

    def _add(self, seconds: str, connection: str, path: str, webhook_id: str) -> None:
        """Count a webhook; the yardstick's requests have no id, which nginx writes as a dash."""
        if webhook_id == "-":
            return
        self.connections.add(connection)
        key = f"{path} {webhook_id}"
        if key in self.first:
            self.duplicates += 1
        else:
            whole, _, thousandths = seconds.partition(".")
            self.first[key] = (int(whole) * 1000 + int(thousandths)) * 1_000_000


class NginxReceiver(Receiving):
    """Its times are whole milliseconds."""

    name = "nginx"

    def reset(self) -> None:
        self._log.reset()

    def counts(self) -> Counts:
        log = self._log
        log.read()
        return Counts(len(log.first), log.duplicates, len(log.connections))

    def arrivals(self) -> dict[str, int]:
        self._log.read()
        offset = time.time_ns() - time.monotonic_ns()
        return {key: at - offset for key, at in self._log.first.items()}

    def _process(self, run_dir: Path, guardian: Guardian) -> Process:
        directory = run_dir / "nginx"
        directory.mkdir()
        self._log = ArrivalsLog(directory / "arrivals.log")
        user = "user root;\n" if os.geteuid() == 0 else ""
        configuration = directory / "nginx.conf"
        values = {"user": user, "directory": directory, "host": HOST, "port": self.port}
        configuration.write_text(_NGINX.format(**values))
        nginx = shutil.which("nginx") or "nginx"
        return Process(
            name="receiver",
            command=[nginx, "-e", "stderr", "-p", str(directory), "-c", str(configuration)],
            log=run_dir / "receiver.log",
            guardian=guardian,
            environment={"PATH": os.defpath},
        )
