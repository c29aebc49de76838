"""Everything that a run needs, started from nothing: stores, platform, receiver, tenant."""

import os
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from svix.api import ApplicationIn, EndpointIn, EventTypeIn, Svix, SvixOptions

from dev.bench.database import Database
from dev.bench.options import Options
from dev.bench.publisher import EVENT_TYPE
from dev.bench.receiving import HOST, NginxReceiver, OwnReceiver, Receiving
from dev.binaries import Binaries, find_binaries
from dev.directories import temporary_directory
from dev.embedded import EmbeddedStores
from dev.guardian import Guardian
from dev.identity import ourselves
from dev.processes import Process
from dev.services import CHECKOUT, Plan, Services

APP = "bench"


@dataclass(frozen=True)
class Stage:
    stores: EmbeddedStores
    services: Services
    database: Database
    receiver: Receiving
    svix: Svix
    api_key: str
    #: Where pgbench and pg_waldump are.
    programs: Path
    run_dir: Path
    guardian: Guardian

    def pids(self) -> dict[str, int]:
        """The measured groups, each by its first process."""
        return {
            "api": self.services.api.pid,
            "worker": self.services.workers[0].pid,
            "beat": self.services.beats[0].pid,
            "postgres": self.stores.postgres.pid,
            "redis": self.stores.redis.pid,
            "receiver": self.receiver.process.pid,
        }

    def make_endpoints(self, options: Options, *, path: str = "", channel: str = "c") -> list[str]:
        """Make the endpoints, `fan_out` to a channel, and return their ids."""
        made = []
        for number in range(options.endpoints):
            url = f"http://{HOST}:{self.receiver.port}/{path}{number}"
            channels = [f"{channel}{number // options.fan_out}"]
            endpoint = EndpointIn(url=url, uid=f"{path}e{number}", channels=channels)
            made.append(self.svix.endpoint.create(APP, endpoint).id)
        return made


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
        kind = NginxReceiver if options.receiver == "nginx" else OwnReceiver
        receiver = kind(run_dir, guardian)
        stack.callback(receiver.process.stop)
        plan = _plan(stores, run_dir, receiver.port, options)
        services = stack.enter_context(Services(plan, guardian))
        stage = _stage(stores, services, receiver, run_dir, guardian)
        _set_up(stage, options)
        yield stage


def _stage(
    stores: EmbeddedStores,
    services: Services,
    receiver: Receiving,
    run_dir: Path,
    guardian: Guardian,
) -> Stage:
    key = services.manage("create_api_key", "--platform", "bench")
    programs = _binaries(run_dir).postgres.parent
    return Stage(
        stores=stores,
        services=services,
        database=Database(
            stores.postgres.superuser_url,
            stores.log_dir / "postgres.log",
            data=stores.postgres.data,
            waldump=programs / "pg_waldump",
        ),
        receiver=receiver,
        svix=Svix(key, SvixOptions(server_url=services.url)),
        api_key=key,
        programs=programs,
        run_dir=run_dir,
        guardian=guardian,
    )


def _binaries(run_dir: Path) -> Binaries:
    """Find the programs that we run ourselves, in the wheel; nothing is copied for us."""
    return find_binaries(ourselves(), run_dir / "bin")


def module_process(
    name: str, arguments: Sequence[str], run_dir: Path, guardian: Guardian, *, log: str
) -> Process:
    command = [sys.executable, "-m", f"dev.bench.{name}", *arguments]
    return program_process(log, command, run_dir, guardian)


def program_process(
    name: str, command: Sequence[str], run_dir: Path, guardian: Guardian
) -> Process:
    return Process(
        name=name,
        command=command,
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
        settings={"WEBHOOKS_ALLOWED_NETWORKS": f"{HOST}/32:{receiver_port}"},
    )


def _set_up(stage: Stage, options: Options) -> None:
    stage.svix.application.create(ApplicationIn(name="Bench", uid=APP))
    published = EventTypeIn(name=EVENT_TYPE, description="Published by make bench")
    stage.svix.event_type.create(published)
    stage.make_endpoints(options)
    stage.database.prepare()
