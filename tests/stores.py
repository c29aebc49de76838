"""The real PostgreSQL and Redis that the tests run on.

`tests.settings` calls `use_stores` before it reads Django's settings, so one pair of servers
serves the whole session. Set `DATABASE_URL` and `REDIS_URL` to run on servers of your own.
"""

import atexit
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager

from dev.directories import temporary_directory
from dev.embedded import EmbeddedStores
from dev.guardian import Guardian


def use_stores() -> None:
    """Name stores and keys in the environment, where the settings and all child processes look."""
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    ring = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    os.environ.setdefault("WEBHOOKS_ENCRYPTION_KEYS", ring)
    if not os.environ.get("DATABASE_URL"):
        _start_for_this_process()


@contextmanager
def temporary_stores() -> Iterator[EmbeddedStores]:
    """Run a pair of servers on data that vanish with it, even if this process is killed."""
    guardian = Guardian()
    directory = temporary_directory()
    guardian.remove_at_end(directory)
    try:
        with EmbeddedStores(directory, durable=False, guardian=guardian) as stores:
            yield stores
    finally:
        guardian.close()


def _start_for_this_process() -> None:
    running = temporary_stores()
    stores = running.__enter__()
    os.environ["DATABASE_URL"] = stores.database_url
    os.environ["REDIS_URL"] = stores.redis_url
    starter = os.getpid()

    def stop() -> None:
        # A forked child must not stop its parent's servers.
        if os.getpid() == starter:
            running.__exit__(None, None, None)

    atexit.register(stop)
