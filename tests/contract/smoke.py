"""The SDKs of Go, Java and Rust: publish an event, verify the signature of its delivery.

Run by `make sdk-smoke`, and no part of the suite: each is built first, which takes minutes. The
name keeps pytest from finding the file by itself.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from endpoints import api_keys
from endpoints.models import Organization, Tenant
from tests import rows
from tests.contract.driving import LOCAL, delivering
from tests.contract.environments import CACHE, HERE
from tests.receiver import Receiver, running
from tests.server import database_url, running_server

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(1200)]
#: Seconds for a build, with all that it downloads.
BUILD = 900

Command = list[str | Path]


def go(source: Path) -> Command:
    build(["go", "build", "-o", "contract", "."], source)
    return [source / "contract"]


def java(source: Path) -> Command:
    build(["mvn", "-q", "-B", "package", "dependency:copy-dependencies"], source)
    places = f"{source}/target/classes:{source}/target/dependency/*"
    return ["java", "-cp", places, "Contract"]


def rust(source: Path) -> Command:
    build(["cargo", "build", "--quiet"], source)
    return [source / "target" / "debug" / "contract"]


#: Each with the programs that it needs.
LANGUAGES: dict[str, tuple[Callable[[Path], Command], tuple[str, ...]]] = {
    "go": (go, ("go",)),
    "java": (java, ("java", "mvn")),
    "rust": (rust, ("cargo",)),
}


def build(command: list[str], source: Path) -> None:
    subprocess.run(command, cwd=source, check=True, timeout=BUILD)


def built(language: str) -> Command:
    """Build a copy of the program in the cache, so that nothing is left beside the source."""
    build_it, tools = LANGUAGES[language]
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    place = CACHE / f"smoke-{language}"
    shutil.copytree(HERE / "smoke" / language, place, dirs_exist_ok=True)
    return build_it(place)


def run(command: Command, mode: str, task: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, mode], check=False, input=json.dumps(task), capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def receiver(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[Receiver, dict[str, Any]]]:
    """A receiver with an endpoint, and where to publish to it."""
    environment = {"DATABASE_URL": database_url(), **LOCAL}
    with django_db_blocker.unblock(), running() as receiver:
        try:
            organization = Organization.objects.create(name="smoke")
            tenant = Tenant.objects.create(organization=organization, name="smoke", uid="smoke")
            rows.endpoint(tenant, url=receiver.url)
            _, key = api_keys.create(organization=organization, name="smoke", scopes=["publish"])
            with delivering(BUILD), running_server(environment) as server:
                yield receiver, {"url": server.url, "token": key, "app": "smoke"}
        finally:
            call_command("flush", interactive=False, verbosity=0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_event_is_published_and_its_delivery_verified(
    language: str, receiver: tuple[Receiver, dict[str, Any]]
) -> None:
    sink, task = receiver
    command = built(language)

    published = run(command, "publish", task)

    assert published.stdout.startswith("msg_"), published.stderr
    while published.stdout not in sink.ids():
        time.sleep(0.02)  # pytest's own limit ends it.
    delivery = sink.requests[sink.ids().index(published.stdout)]
    assert json.loads(delivery.body) == {"amount": "1.10"}
    given = {"secret": rows.SECRET, "headers": delivery.headers, "body": delivery.body.decode()}
    verified = run(command, "verify", given)
    assert (verified.returncode, verified.stdout) == (0, "verified"), verified.stderr
    tampered = run(command, "verify", {**given, "body": given["body"].replace("1.10", "9.99")})
    assert tampered.returncode != 0
    assert tampered.stdout == ""
