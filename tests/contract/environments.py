"""The SDKs, each in an environment of its own below `.cache/sdk`, made when it is first wanted.

An environment is named by what is in it, so a changed lock file makes a new one. Versions and
hashes are those of the lock files beside the drivers. `python -m tests.contract.environments`
makes them all.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "sdk"
PYTHON_SDKS = {"Python 1.x": "svix-1.txt", "Python 2.x": "svix-2.txt"}
JAVASCRIPT_SDK = "JavaScript"
SDKS = [*PYTHON_SDKS, JAVASCRIPT_SDK]
#: The first with `fetch`; the SDK's own `engines` asks for more, and works with this.
NODE_MAJOR = 18


class MissingToolError(Exception):
    """An SDK, or what it runs on, is not there; the text says what, and how to get it."""


def command(sdk: str) -> list[str | Path]:
    """Return what drives this SDK; makes its environment first. Raises MissingToolError."""
    if sdk in PYTHON_SDKS:
        lock = HERE / "python" / PYTHON_SDKS[sdk]
        place = _made(lock.stem, [lock.read_bytes(), sys.version.encode()], _python(lock))
        return [place / "bin" / "python", HERE / "python" / "drive.py"]
    locks = [HERE / "javascript" / name for name in ("package.json", "package-lock.json")]
    node = _node()
    place = _made("javascript", [lock.read_bytes() for lock in locks], _javascript(locks))
    # Node looks for packages beside the file that imports them.
    for driver in HERE.glob("javascript/*.mjs"):
        shutil.copy(driver, place)
    return [node, place / "drive.mjs"]


def _made(name: str, contents: list[bytes], make: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(b"\0".join([bytes(CACHE), *contents])).hexdigest()
    place = CACHE / f"{name}-{digest[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            make(place)
            (place / "complete").touch()
    return place


def _python(lock: Path) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        uv = shutil.which("uv")
        if uv:
            _run(uv, "venv", "--quiet", "--python", sys.executable, place)
            install = [uv, "pip", "install", "--python", place / "bin" / "python"]
        else:
            _run(sys.executable, "-m", "venv", place)
            install = [place / "bin" / "python", "-m", "pip", "install", "--no-deps"]
        _run(*install, "--quiet", "--require-hashes", "-r", lock)

    return make


def _javascript(locks: list[Path]) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        place.mkdir()
        for lock in locks:
            shutil.copy(lock, place)
        options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        _run("npm", "ci", *options, directory=place)

    return make


def _node() -> str:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise MissingToolError("Node.js and npm are not installed (apt-get install nodejs npm).")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout[1:].partition(".")[0]) < NODE_MAJOR:
        raise MissingToolError(f"Node.js is older than {NODE_MAJOR}: {version.stdout.strip()}")
    return node


def _run(*arguments: str | Path, directory: Path | None = None) -> None:
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never"}
    quiet.pop("VIRTUAL_ENV", None)
    try:
        subprocess.run(arguments, cwd=directory, env=quiet, check=True)
    except subprocess.CalledProcessError as error:
        raise MissingToolError(f"An SDK could not be installed: {error}") from None


if __name__ == "__main__":
    for each in SDKS:
        command(each)
