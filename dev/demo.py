"""`make demo`: everything started from nothing, one story told, and the addresses to look around.

With ONCE=1 it ends after the story, with status 0 only if every step came true.
"""

import os
import secrets
import sys
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from svix.api import Svix, SvixOptions

from dev.directories import temporary_directory
from dev.embedded import EmbeddedStores
from dev.guardian import Guardian
from dev.identity import ourselves
from dev.ports import answers, asked_port, free_port, is_free, refuse_taken_port
from dev.processes import Process
from dev.services import CHECKOUT, Plan, Services
from dev.story import SCHEDULE, Story
from dev.terminal import run, say
from dev.welcome import check_pages, make_admin, show_addresses

_HOST = "127.0.0.1"
_DEFAULT_PORT = 8000
_RECEIVER_WITHIN = 30.0
_CHECK_EVERY = 1.0


def demo() -> int:
    began, port = time.monotonic(), _port()
    say("starting   PostgreSQL and Redis, then API, worker and beat …")
    with _platform(port) as (services, stores, story):
        say(f"services   PostgreSQL, Redis, API, worker, beat: ready after {_since(began)}")
        say(f"           retries come after {SCHEDULE[0]} s here, instead of 1 min to 12 h")
        say(f"receiver   {story.receiver_url}  refuses twice, then accepts")
        say(f"           allowed for this demo only: events never go to {_HOST} by default")
        story.tell()
        say(f"story told, {_since(began)} after the start")
        if not os.environ.get("ONCE"):
            _stay(services, stores)
        check_pages(services)
        say("pages      admin, API docs and metrics answer")
    say("ended      nothing is left running; without ONCE=1 it stays, for you to look around")
    return 0


def _stay(services: Services, stores: EmbeddedStores) -> NoReturn:
    show_addresses(services, make_admin(services, stores.database_url))
    say("Ctrl-C stops everything; nothing is left running, and nothing is kept.")
    while True:
        services.wait_for_failure(within=_CHECK_EVERY)


@contextmanager
def _platform(port: int) -> Iterator[tuple[Services, EmbeddedStores, Story]]:
    """Run stores, receiver and services; yield also the story about them, ready to be told."""
    with ExitStack() as stack:
        guardian = Guardian()
        stack.callback(guardian.close)
        data, run_dir = temporary_directory(), temporary_directory(ourselves())
        guardian.remove_at_end(data)
        guardian.remove_at_end(run_dir)
        stores = stack.enter_context(EmbeddedStores(data, guardian=guardian))
        secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
        receiver, receiver_port = _receiver(secret, run_dir, guardian)
        stack.callback(receiver.stop)
        services = Services(_plan(stores, run_dir, port, receiver_port), guardian)
        stack.callback(services.stop)
        services.migrate()
        services.launch()
        key = services.manage("create_api_key", "--platform", "demo")
        services.wait()
        receiver.wait_until(lambda: answers(_HOST, receiver_port), within=_RECEIVER_WITHIN)
        svix, at = (
            Svix(key, SvixOptions(server_url=services.url)),
            f"http://{_HOST}:{receiver_port}",
        )
        yield services, stores, Story(svix, at, secret, services.check)


def _plan(stores: EmbeddedStores, run_dir: Path, port: int, receiver_port: int) -> Plan:
    return Plan(
        database_url=stores.database_url,
        redis_url=stores.redis_url,
        secret_key=secrets.token_urlsafe(50),
        encryption_keys=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        run_dir=run_dir,
        port=port,
        settings={
            "WEBHOOKS_RETRY_SCHEDULE": ",".join(map(str, SCHEDULE)),
            "WEBHOOKS_ALLOWED_NETWORKS": f"{_HOST}/32:{receiver_port}",
        },
    )


def _port() -> int:
    """Take the port that was asked for, else 8000, else any."""
    if (asked := asked_port()) is not None:
        refuse_taken_port(_HOST, asked)
        return asked
    return _DEFAULT_PORT if is_free(_HOST, _DEFAULT_PORT) else free_port(_HOST)


def _receiver(secret: str, run_dir: Path, guardian: Guardian) -> tuple[Process, int]:
    port = free_port(_HOST)
    receiver = Process(
        name="receiver",
        command=[sys.executable, "-m", "dev.receiver", str(port)],
        log=run_dir / "receiver.log",
        guardian=guardian,
        environment={**os.environ, "RECEIVER_SECRET": secret},
        directory=CHECKOUT,
    )
    receiver.start()
    return receiver, port


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


if __name__ == "__main__":
    run(demo)
