"""`make up`: the platform as a development server that keeps its data and keys."""

import json
import os
import secrets
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import NoReturn

from dev.directories import data_directory, make_passable, make_private
from dev.embedded import CHECKOUT, EmbeddedStores
from dev.errors import DevError
from dev.guardian import Guardian
from dev.ports import asked_port, refuse_taken_port
from dev.services import Plan, Services
from dev.terminal import run, say
from dev.welcome import make_admin, show_addresses

_HOST = "127.0.0.1"
_DEFAULT_PORT = 8000
#: Seconds between two looks at whether everything still runs.
_CHECK_EVERY = 1.0
#: Read by the settings of other commands, so that `manage.py shell` meets the running stores.
_STORES_FILE = CHECKOUT / ".local" / "run" / "stores.json"


class OtherStoresError(DevError):
    """The environment names stores, but this command runs its own."""


def up() -> NoReturn:
    """Run until a signal. Raises `ProcessFailedError` when a process ends by itself."""
    if os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL"):
        raise OtherStoresError(
            "`make up` runs embedded stores: unset DATABASE_URL and REDIS_URL, or start the "
            "processes yourself (manage.py serve, celery worker, celery beat)."
        )
    port = asked_port() or _DEFAULT_PORT
    refuse_taken_port(_HOST, port)
    guardian = Guardian()
    try:
        say("starting   PostgreSQL and Redis …")
        with EmbeddedStores(data_directory(CHECKOUT), guardian=guardian) as stores:
            say(f"data       {stores.data_dir}")
            _serve(_plan(stores, port), stores, guardian)
    finally:
        guardian.close()


def _serve(plan: Plan, stores: EmbeddedStores, guardian: Guardian) -> NoReturn:
    began = time.monotonic()
    say("starting   API, worker and beat …")
    with Services(plan, guardian) as services:
        say(f"ready      after {time.monotonic() - began:.1f} s")
        _publish_stores(plan, guardian)
        show_addresses(services, make_admin(services, stores.database_url))
        say("API key    .venv/bin/python manage.py create_api_key --platform NAME")
        say("Ctrl-C stops everything; the data stay.")
        while True:
            services.wait_for_failure(within=_CHECK_EVERY)


def _plan(stores: EmbeddedStores, port: int) -> Plan:
    run_dir = stores.data_dir / "run"
    make_private(run_dir)
    keys = _keys(stores.data_dir / "keys.env")
    return Plan(
        database_url=stores.database_url,
        redis_url=stores.redis_url,
        secret_key=keys["SECRET_KEY"],
        encryption_keys=keys["WEBHOOKS_ENCRYPTION_KEYS"],
        run_dir=run_dir,
        port=port,
        host=_HOST,
    )


def _keys(path: Path) -> dict[str, str]:
    """Read the keys of these data; the first time, make them. Without them data are unreadable."""
    if not path.exists():
        ring = urlsafe_b64encode(secrets.token_bytes(32)).decode()
        text = f"SECRET_KEY={secrets.token_urlsafe(50)}\nWEBHOOKS_ENCRYPTION_KEYS={ring}\n"
        _write_private(path, text)
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _publish_stores(plan: Plan, guardian: Guardian) -> None:
    make_passable(_STORES_FILE.parent.parent)
    make_private(_STORES_FILE.parent)
    stores = {
        "database_url": plan.database_url,
        "redis_url": plan.redis_url,
        "secret_key": plan.secret_key,
        "encryption_keys": plan.encryption_keys,
    }
    guardian.remove_at_end(_STORES_FILE)
    _write_private(_STORES_FILE, json.dumps(stores))


def _write_private(path: Path, text: str) -> None:
    """Write a whole file that only we can read; a half-written one is never seen."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.rename(path)


if __name__ == "__main__":
    run(up)
