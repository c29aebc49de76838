"""Makes `.venv` and installs one of the locked sets, `demo` or `dev`, into it; at once if done.

Run by make with the system's Python, so only the standard library is at hand. uv is used where
it is on the PATH, else venv and pip with the hashes of requirements/*.txt. Two runs at the same
time wait for each other.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
_STAMP = VENV / "installed.json"
#: Each set with the sets it contains, and what uv calls it. `dev` has everything.
_CONTAINED = {"demo": ["demo"], "dev": ["demo", "dev"]}
_UV_EXTRAS = ["--extra", "embedded", "--extra", "demo"]
_UV_GROUPS = {"demo": ["--no-default-groups"], "dev": ["--group", "dev"]}


def main(wanted: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  Whatever make found may run this.
        sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is older: make PYTHON=…")
    with (CHECKOUT / "pyproject.toml").open() as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)
        if _installed().get(wanted) != _digest(wanted):
            _install_aloud(wanted)
            done = {name: _digest(name) for name in _CONTAINED[wanted]}
            _STAMP.write_text(json.dumps({**_installed(), **done}))


def _installed() -> dict[str, str]:
    """Return the digests of what the environment holds; of nothing if its Python is gone."""
    if not (PYTHON.exists() and _STAMP.exists()):
        return {}
    stamp: dict[str, str] = json.loads(_STAMP.read_text())
    return stamp


def _digest(name: str) -> str:
    """Cover the place too: an environment that was copied elsewhere does not work there."""
    requirements = (CHECKOUT / "requirements" / f"{name}.txt").read_bytes()
    return hashlib.sha256(bytes(CHECKOUT) + b"\0" + requirements).hexdigest()


def _install_aloud(wanted: str) -> None:
    """Install, and tell whoever waits what for; the words stand as those of the demo do."""
    began, uv = time.monotonic(), shutil.which("uv")
    _say(f"installing requirements/{wanted}.txt with {'uv' if uv else 'pip'}, this time only …")
    if uv is not None:
        _run(*_uv_command(uv, wanted))
    else:
        _install_with_pip(wanted)
    _compile()
    _say(f"installed  in .venv, after {time.monotonic() - began:.1f} s")


def _install_with_pip(wanted: str) -> None:
    if not _works(VENV / "bin" / "pip"):
        _run(sys.executable, "-m", "venv", "--clear", VENV)
    # The file is complete and hashed, so pip needs not look for dependencies. It compiles on one
    # core; we do on all.
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile"]
    requirements = CHECKOUT / "requirements" / f"{wanted}.txt"
    _run(PYTHON, "-m", "pip", "install", *options, "-r", requirements)


def _compile() -> None:
    """Compile what was installed, even where PYTHONDONTWRITEBYTECODE keeps imports from doing it.

    Measured on two cores: 4 s once, instead of 6 s at every start.
    """
    # A package may hold a template or a test that is no valid Python.
    _run(PYTHON, "-m", "compileall", "-qq", "-j", "0", VENV / "lib", must_succeed=False)


def _uv_command(uv: str, wanted: str) -> list[str]:
    """Inexact: installing the demo's set leaves the tests' packages alone."""
    sync = [uv, "sync", "--quiet", "--frozen", "--inexact", "--python", sys.executable]
    return [*sync, *_UV_EXTRAS, *_UV_GROUPS[wanted]]


def _works(program: Path) -> bool:
    if not (program.exists() and PYTHON.exists()):
        return False
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603  It is our own.


def _run(*command: str | Path, must_succeed: bool = True) -> None:
    finished = subprocess.run(command, env=_environment(), cwd=CHECKOUT, check=False)  # noqa: S603  Fixed commands.
    if must_succeed and finished.returncode != 0:
        sys.exit(f"The installation failed (status {finished.returncode}): {command[0]}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never"}
    if not _may_cache():
        environment |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
    return environment


def _may_cache() -> bool:
    """Say whether the user has a home to keep caches in; a service account may have none."""
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    while not place.exists():
        place = place.parent
    return os.access(place, os.W_OK | os.X_OK)


if __name__ == "__main__":
    main(sys.argv[1])
