"""Every SDK drives one running server, each in an organization of its own."""

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from endpoints import api_keys
from endpoints.models import ApiKey, Organization
from tests.contract import environments
from tests.contract.environments import HERE, MissingToolError
from tests.integration.deliveries.looping import run_loop
from tests.server import database_url, running_server

#: Seconds for one SDK; some take four.
PATIENCE = 60
LOCAL = {"WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8"}


class Report(NamedTuple):
    """What one SDK's driver saw: its version, facts of the common flow, outcomes by method."""

    version: str
    facts: dict[str, Any]
    methods: dict[str, dict[str, Any]]


def drive_all() -> dict[str, Report | str]:
    """Return a report for each SDK, or why it could not be driven. Rows stay committed."""
    commands, reports = {}, {}
    for sdk in environments.SDKS:
        try:
            commands[sdk] = environments.command(sdk)
        except MissingToolError as error:
            reports[sdk] = str(error)
    keys = {sdk: new_key(sdk) for sdk in commands}
    with delivering(), running_server({"DATABASE_URL": database_url(), **LOCAL}) as server:
        with ThreadPoolExecutor() as pool:
            running = {
                sdk: pool.submit(_drive, commands[sdk], task(server.url, keys[sdk]))
                for sdk in commands
            }
        return reports | {sdk: future.result() for sdk, future in running.items()}


def new_key(name: str) -> str:
    organization = Organization.objects.create(name=name)
    _, key = api_keys.create(organization=organization, name=name, scopes=ApiKey.Scope.values)
    return key


def task(url: str, key: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    times = {"since": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat()}
    bodies = json.loads((HERE / "bodies.json").read_text())
    return {"url": url, "token": key, "times": times, "bodies": bodies}


@contextmanager
def delivering(seconds: float = PATIENCE) -> Iterator[None]:
    """Run a delivery loop beside the block, at most so long."""
    over = threading.Event()
    loop = threading.Thread(target=run_loop, args=(over.is_set,), kwargs={"seconds": seconds})
    loop.start()
    try:
        yield
    finally:
        over.set()
        loop.join()


def _drive(command: list[Any], given: Mapping[str, Any]) -> Report:
    finished = subprocess.run(
        command,
        check=False,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if finished.returncode != 0:
        raise RuntimeError(finished.stderr)
    report = json.loads(finished.stdout)
    methods = {row.pop("method"): row for row in report["methods"]}
    return Report(report["version"], report["facts"], methods)
