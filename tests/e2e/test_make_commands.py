"""`make demo` and `make up` as a person runs them, up to pulling the plug."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from dev.directories import temporary_directory
from dev.guardian import running_processes
from dev.identity import ourselves
from dev.ports import free_port
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
}


@contextmanager
def command(
    *arguments: str, directory: Path = ROOT, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a command without the stores that the tests themselves use; killed at the end."""
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    process = subprocess.Popen(
        [sys.executable, *arguments],
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


def test_demo_tells_its_story_and_leaves_nothing_when_killed() -> None:
    with command("-m", "dev.demo", PORT=str(free_port("127.0.0.1"))) as demo:
        lines = lines_until(demo, "Ctrl-C")
        family = descendants(demo.pid)
        logs = Path(next(line.split()[1] for line in lines if line.startswith("logs")))
        demo.kill()
        demo.wait()

        attempts = [line.split()[2] for line in lines if line.startswith("attempt")]
        assert attempts == ["503", "429", "200"]
        assert sum("invoice.due  3 attempts, last answer 500" in line for line in lines) == 3
        assert any(line.startswith("verified   the signature of every attempt") for line in lines)
        assert len(family) >= 8
        wait_until_gone(family, logs)


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
    with command("manage.py", *arguments, directory=directory) as process:
        assert process.stdout is not None
        written = process.stdout.read()
        assert process.wait() == 0, written
    return written.strip()


def test_up_keeps_its_data_and_tells_other_commands_where_they_are(checkout: Path) -> None:
    port = str(free_port("127.0.0.1"))

    with command("-m", "dev.up", directory=checkout, PORT=port) as up:
        first = lines_until(up, "Ctrl-C")
        key = manage(checkout, "create_api_key", "--platform", "kept")
        up.terminate()
        assert up.wait() == 0
    with command("-m", "dev.up", directory=checkout, PORT=port) as up:
        second = lines_until(up, "Ctrl-C")
        bearer = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/app", headers=bearer)
        up.terminate()
        assert up.wait() == 0

    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert "shown once" in "".join(first)
    assert "shown once" not in "".join(second)
    assert (checkout / ".local" / "keys.env").stat().st_mode & 0o777 == 0o600
    assert not (checkout / ".local" / "run" / "stores.json").exists()
