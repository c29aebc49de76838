"""Everything that a run needs, started from nothing: stores, platform, receiver, tenant."""

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from svix.api import ApplicationIn, EndpointIn, EventTypeIn, Svix, SvixOptions

from dev.bench.database import Database
from dev.bench.options import Options
from dev.bench.publisher import EVENT_TYPE
from dev.directories import temporary_directory
from dev.embedded import EmbeddedStores
from dev.guardian import Guardian
from dev.identity import ourselves
from dev.ports import answers, free_port
from dev.processes import Process
from dev.services import CHECKOUT, Plan, Services

_HOST = "127.0.0.1"
_RECEIVER_WITHIN = 30.0
APP = "bench"


@dataclass(frozen=True)
class Stage:
    stores: EmbeddedStores
    services: Services
    database: Database
    receiver: Process
    receiver_port: int
    api_key: str
    run_dir: Path
    guardian: Guardian

    def ask_receiver(self, path: str) -> Any:
        connection = HTTPConnection(_HOST, self.receiver_port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def pids(self) -> dict[str, int]:
        """The measured groups, each by its first process."""
        return {
            "api": self.services.api.pid,
            "worker": self.services.workers[0].pid,
            "beat": self.services.beats[0].pid,
            "postgres": self.stores.postgres.pid,
            "redis": self.stores.redis.pid,
            "receiver": self.receiver.pid,
        }


@contextmanager
def running_stage(options: Options) -> Iterator[Stage]:
    """Run durable stores on a directory of their own and all processes; nothing is kept."""
    with ExitStack() as stack:
        guardian = Guardian()
        stack.callback(guardian.close)
        data, run_dir = temporary_directory(), temporary_directory(ourselves())
        guardian.remove_at_end(data)
        guardian.remove_at_end(run_dir)
        stores = stack.enter_context(EmbeddedStores(data, guardian=guardian))
        port = free_port(_HOST)
        receiver = module_process("receiver", [str(port)], run_dir, guardian)
        stack.callback(receiver.stop)
        receiver.start()
        services = stack.enter_context(Services(_plan(stores, run_dir, port, options), guardian))
        receiver.wait_until(lambda: answers(_HOST, port), within=_RECEIVER_WITHIN)
        key = services.manage("create_api_key", "--platform", "bench")
        _set_up(Svix(key, SvixOptions(server_url=services.url)), port, options)
        log = stores.log_dir / "postgres.log"
        database = Database(
            stores.postgres.superuser_url, log, count_statements=options.count_statements
        )
        yield Stage(stores, services, database, receiver, port, key, run_dir, guardian)


def module_process(name: str, arguments: list[str], run_dir: Path, guardian: Guardian) -> Process:
    return Process(
        name=name,
        command=[sys.executable, "-m", f"dev.bench.{name}", *arguments],
        log=run_dir / f"{name}.log",
        guardian=guardian,
        environment=os.environ,
        directory=CHECKOUT,
    )


def _plan(stores: EmbeddedStores, run_dir: Path, receiver_port: int, options: Options) -> Plan:
    services_dir = run_dir / "services"
    services_dir.mkdir(mode=0o700)
    return Plan(
        database_url=stores.database_url,
        redis_url=stores.redis_url,
        secret_key=secrets.token_urlsafe(50),
        encryption_keys=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        run_dir=services_dir,
        api_workers=options.api_workers,
        worker_processes=options.worker_processes,
        settings={"WEBHOOKS_ALLOWED_NETWORKS": f"{_HOST}/32:{receiver_port}"},
    )


def _set_up(svix: Svix, port: int, options: Options) -> None:
    svix.application.create(ApplicationIn(name="Bench", uid=APP))
    svix.event_type.create(EventTypeIn(name=EVENT_TYPE, description="Published by make bench"))
    for number in range(options.endpoints):
        url = f"http://{_HOST}:{port}/{number}"
        channel = f"c{number // options.fan_out}"
        svix.endpoint.create(APP, EndpointIn(url=url, uid=f"e{number}", channels=[channel]))
