"""`manage.py serve`: the API, the admin and the publish door on one port."""

import multiprocessing
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server

from webhooks_platform.lib.garbage import collect_less
from webhooks_platform.lib.parent_death import die_with_parent

#: Connections that wait to be taken, and those worked on at once in each process.
BACKLOG = 2048
CONCURRENT_REQUESTS = 2048
#: Seconds that a stopping worker has for the requests in progress.
STOP_SECONDS = 30


class Command(BaseCommand):
    help = "Serve the API, the admin and the publish door."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=1, help="processes")

    def handle(self, **options: Any) -> None:
        server = Server(
            "webhooks_platform.asgi:application",
            address=options["host"],
            port=options["port"],
            workers=options["workers"],
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            loop=Loops.uvloop,
            backlog=BACKLOG,
            backpressure=CONCURRENT_REQUESTS,
            workers_kill_timeout=STOP_SECONDS,
            log_access=False,
        )
        server.serve(target_loader=load, wrap_loader=False)


def load() -> Callable[..., Any]:
    """Return the application, in a fresh worker; the worker dies with its parent."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        die_with_parent(parent.pid)
    from webhooks_platform.asgi import application  # noqa: PLC0415 - one for each worker.

    collect_less()
    return application
