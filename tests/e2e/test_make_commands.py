"""`make demo` and `make up` as a person runs them, up to pulling the plug."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.directories import temporary_directory
from dev.guardian import running_processes
from dev.identity import ourselves
from dev.ports import free_port, is_free
from dev.tethered import ORPHANED
from tests.integration.dev.killing import ROOT, wait_until_gone

#: Seconds; ten on a quiet machine.
pytestmark = pytest.mark.timeout(180)

#: Variables of the test session that a person's shell does not have.
_OURS = {
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "REDIS_URL",
    "SECRET_KEY",
    "WEBHOOKS_ENCRYPTION_KEYS",
    # Of an outer make.
    "ARGS",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
}
#: What the README shows of the demo.
SAMPLE = re.findall(
    r"^```\n(starting .*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
)[0].splitlines()


def python(*arguments: str, **options: Any) -> AbstractContextManager[subprocess.Popen[str]]:
    return command(sys.executable, *arguments, **options)


def make(*arguments: str, **options: Any) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run make with this session's Python, and nothing to install."""
    return command("make", f"RUN={sys.executable}", "PYTHON=true", *arguments, **options)


@contextmanager
def command(
    *arguments: str, directory: Path = ROOT, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a command without the stores that the tests themselves use; killed at the end."""
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    process = subprocess.Popen(
        arguments,
        cwd=directory,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def written_by(process: subprocess.Popen[str]) -> str:
    """Wait for its end and return all that it has written."""
    return process.communicate()[0]


def lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    """Read what it says up to a line that begins so; fail if it ends before."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
        if line.startswith(last):
            return lines
    pytest.fail("\n".join(lines))


def descendants(ancestor: int) -> list[int]:
    parents = {
        pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        for pid, _ in running_processes()
        if Path(f"/proc/{pid}").exists()
    }
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A place for temporary directories that the servers' user can enter too."""
    directory = temporary_directory(ourselves())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def labels(lines: list[str]) -> list[str]:
    """Return what the lines begin with; of equal neighbours, like the three invoices, one."""
    return [label for label, _ in groupby(line[:10] for line in lines)]


@pytest.mark.parametrize("victim", ["make", "the demo"])
def test_demo_tells_its_story_and_leaves_nothing_when_killed(victim: str, temporary: Path) -> None:
    port = free_port("127.0.0.1")
    with make("demo", f"PORT={port}", TMPDIR=str(temporary)) as process:
        lines = lines_until(process, "Ctrl-C")
        family = descendants(process.pid)
        used = list(temporary.iterdir())
        os.kill(process.pid if victim == "make" else family[0], signal.SIGKILL)
        process.wait()

        attempts = [line.split()[2] for line in lines if line.startswith("attempt")]
        assert attempts == ["503", "429", "200"]
        assert sum("invoice.due  3 attempts, last answer 500" in line for line in lines) == 3
        assert any(line.startswith("verified   the signature of every attempt") for line in lines)
        assert labels(lines) == labels(SAMPLE)
        assert len(family) >= 8
        assert len(used) >= 3
        wait_until_gone(family, *used)
        assert list(temporary.iterdir()) == []
        assert is_free("127.0.0.1", port)


@pytest.mark.parametrize("target", ["bench", "demo", "gameday", "up"])
def test_what_starts_services_takes_the_place_of_makes_shell(target: str) -> None:
    with make("--dry-run", target) as process:
        last = written_by(process).splitlines()[-1]

    assert last.startswith("exec env ")
    assert "DIES_WITH_PARENT=$PPID" in last


def test_a_command_whose_make_is_gone_already_does_nothing() -> None:
    with python("-m", "dev.demo", DIES_WITH_PARENT="1") as process:
        assert written_by(process) == ""
        assert process.returncode == ORPHANED


def test_demo_with_once_ends_and_names_nothing_that_is_gone(temporary: Path) -> None:
    with python("-m", "dev.demo", ONCE="1", TMPDIR=str(temporary)) as demo:
        told = written_by(demo)

    assert demo.returncode == 0
    assert told.splitlines()[-1].startswith("ended      nothing is left running")
    assert "pages      admin, API docs and metrics answer" in told
    assert not re.search("^(admin|API docs|metrics|logs) ", told, re.MULTILINE)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("module", ["dev.demo", "dev.up"])
def test_a_port_that_is_none_is_refused_before_anything_starts(module: str) -> None:
    with python("-m", module, PORT="abc") as process:
        told = written_by(process)

    assert told == "PORT=abc is no port: choose a number from 1 to 65535.\n"
    assert process.returncode == 1


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of the code, so that a developer's own `.local` is left alone."""
    directory = temporary_directory(ourselves())
    directory.chmod(0o755)
    for package in ("dev", "deliveries", "endpoints", "webhooks_platform"):
        shutil.copytree(ROOT / package, directory / package)
    shutil.copy(ROOT / "manage.py", directory)
    yield directory
    shutil.rmtree(directory)


def manage(directory: Path, *arguments: str) -> str:
    with python("manage.py", *arguments, directory=directory) as process:
        written = written_by(process)
        assert process.returncode == 0, written
    return written.strip()


def test_up_keeps_its_data_and_tells_other_commands_where_they_are(checkout: Path) -> None:
    port = str(free_port("127.0.0.1"))

    with python("-m", "dev.up", directory=checkout, PORT=port) as up:
        first = lines_until(up, "Ctrl-C")
        key = manage(checkout, "create_api_key", "--platform", "kept")
        up.terminate()
        assert up.wait() == 0
    with python("-m", "dev.up", directory=checkout, PORT=port) as up:
        second = lines_until(up, "Ctrl-C")
        bearer = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/app", headers=bearer)
        up.terminate()
        assert up.wait() == 0

    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert "shown once" in "".join(first)
    assert "shown once" not in "".join(second)
    assert "manage.py changepassword admin" in "".join(second)
    assert (checkout / ".local" / "keys.env").stat().st_mode & 0o777 == 0o600
    assert not (checkout / ".local" / "run" / "stores.json").exists()
