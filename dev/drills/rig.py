"""What every drill stands on: private stores, migrated once, and a platform on a copy of them."""

import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from dev.directories import temporary_directory
from dev.drills.beside import beside
from dev.drills.receiver import Receiver, receiving
from dev.embedded import EmbeddedStores
from dev.errors import DevError
from dev.guardian import Guardian
from dev.identity import ourselves
from dev.services import Plan, Services

PAYLOAD = {"eventType": "drill.event", "payload": {"amount": "1.10"}}
_POLL = 0.02


class DrillError(DevError):
    """A drill could not go on; the text says what did not happen in time."""


class Check(NamedTuple):
    """One figure of a drill, and whether it is as it must be."""

    name: str
    value: object
    holds: bool


@dataclass
class Platform:
    """A running platform with one tenant, and the ledger of what it has accepted."""

    services: Services
    stores: EmbeddedStores
    receiver: Receiver
    database_url: str
    key: str
    app: str = ""
    acked: list[str] = field(default_factory=list)
    #: Answers that were no 202, by status; 0 is a connection that failed.
    refused: Counter[int] = field(default_factory=Counter)

    def client(self) -> httpx.Client:
        bearer = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.services.url, headers=bearer, timeout=30)

    def make_tenant(self) -> None:
        with self.client() as client:
            self.app = made(client.post("/api/v1/app", json={"name": "drill"}))
            made(client.post(f"/api/v1/app/{self.app}/endpoint", json={"url": self.receiver.url}))

    def publish(self, count: int, *, threads: int = 4) -> None:
        """Publish so many events, and enter every answer into the ledger."""
        shares = [count // threads + (n < count % threads) for n in range(threads)]
        _together([partial(self._publish, share) for share in shares])

    def _publish(self, count: int) -> None:
        with self.client() as client:
            for _ in range(count):
                self.publish_one(client)

    def publish_one(self, client: httpx.Client, app: str = "") -> bool:
        try:
            answer = client.post(f"/api/v1/app/{app or self.app}/msg", json=PAYLOAD)
        except httpx.TransportError:
            self.refused[0] += 1
            return False
        if answer.status_code != HTTPStatus.ACCEPTED:
            self.refused[answer.status_code] += 1
            return False
        self.acked.append(answer.json()["id"])
        return True

    @contextmanager
    def load(self, per_second: float, apps: list[str] | None = None) -> Iterator[None]:
        """Publish at this rate, over the tenants in turn, until the block ends."""
        with beside(partial(self._load, per_second, apps or [self.app])):
            yield

    def _load(self, per_second: float, apps: list[str], over: threading.Event) -> None:
        began, sent = time.monotonic(), 0
        with self.client() as client:
            while not over.is_set():
                self.publish_one(client, apps[sent % len(apps)])
                sent += 1
                over.wait(max(0.0, began + sent / per_second - time.monotonic()))

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def wait_settled(self, *, within: float) -> float:
        """Wait until nothing is queued; return how many seconds that took."""
        return wait_for("empty queue", lambda: self.count("open_delivery") == 0, within=within)

    def ledger(self) -> list[Check]:
        """Compare accepted, received and settled: nothing lost, and how much came twice."""
        lost = len(set(self.acked) - set(self.receiver.by_event))
        return [
            Check("acked", len(self.acked), len(self.acked) > 0),
            Check("requests", self.receiver.requests, True),
            Check("lost", lost, lost == 0),
        ]

    @property
    def duplicates(self) -> int:
        return self.receiver.by_delivery.total() - len(self.receiver.by_delivery)


def new_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass
class Rig:
    """Stores with a migrated template database; every platform gets a copy of it."""

    stores: EmbeddedStores
    guardian: Guardian
    directory: Path
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(50))
    ring: str = field(default_factory=new_key)
    api_key: str = ""
    _copies: int = 0

    def prepare(self) -> None:
        services = Services(self._plan(self.stores.database_url, {}, {}), self.guardian)
        services.migrate()
        self.api_key = services.manage("create_api_key", "--platform", "drills")

    @contextmanager
    def platform(
        self, settings: Mapping[str, str] | None = None, **plan: Any
    ) -> Iterator[Platform]:
        """Run the platform on an empty database; everything has ended afterwards."""
        self.stores.redis.stop()
        self.stores.redis.start()
        database_url = self._copy()
        with receiving() as receiver:
            allowed = f"127.0.0.1/32:{receiver.port}"
            own = {"WEBHOOKS_ALLOWED_NETWORKS": allowed, **(settings or {})}
            services = Services(self._plan(database_url, own, plan), self.guardian)
            platform = Platform(services, self.stores, receiver, database_url, self.api_key)
            try:
                services.launch()
                services.wait()
                platform.make_tenant()
                yield platform
            finally:
                services.stop()

    def _copy(self) -> str:
        self._copies += 1
        name = f"drill{self._copies}"
        with psycopg.connect(self.stores.postgres.superuser_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE webhooks OWNER webhooks".encode())
        return make_conninfo(self.stores.database_url, dbname=name)

    def _plan(self, url: str, settings: Mapping[str, str], plan: Mapping[str, Any]) -> Plan:
        run_dir = self.directory / f"run{self._copies}"
        (run_dir / "metrics").mkdir(parents=True, mode=0o700)
        return Plan(
            database_url=url,
            redis_url=self.stores.redis_url,
            secret_key=self.secret_key,
            encryption_keys=self.ring,
            run_dir=run_dir,
            settings=settings,
            **plan,
        )


@contextmanager
def rigged() -> Iterator[Rig]:
    """Start durable stores: an immediate stop may then lose nothing that was committed."""
    with ExitStack() as stack:
        guardian = Guardian()
        stack.callback(guardian.close)
        data, directory = temporary_directory(), temporary_directory(ourselves())
        guardian.remove_at_end(data)
        guardian.remove_at_end(directory)
        stores = stack.enter_context(EmbeddedStores(data, guardian=guardian))
        rig = Rig(stores, guardian, directory)
        rig.prepare()
        yield rig


def wait_for(what: str, ready: Callable[[], bool], *, within: float) -> float:
    """Poll until ready; return the seconds it took, raise DrillError after `within`."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > within:
            raise DrillError(f"no {what} within {within:g} s")
        time.sleep(_POLL)
    return time.monotonic() - began


def _together(steps: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def made(answer: httpx.Response) -> str:
    if answer.status_code != HTTPStatus.CREATED:
        raise DrillError(f"{answer.request.url.path} answered {answer.status_code}")
    return str(answer.json()["id"])
