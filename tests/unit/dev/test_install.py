from pathlib import Path

import pytest

from dev import install


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A checkout with two locked sets, and what an installation would run there."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "requirements").mkdir()
    for name in ("demo", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    monkeypatch.setattr(install, "CHECKOUT", tmp_path)
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(install, "_STAMP", tmp_path / ".venv" / "installed.json")
    commands: list[str] = []

    def pretend(*command: str | Path, must_succeed: bool = True) -> None:
        commands.append(" ".join(map(str, command)))
        install.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        install.PYTHON.touch()

    monkeypatch.setattr(install, "_run", pretend)
    monkeypatch.setattr("shutil.which", lambda _: None)
    return commands


def test_second_run_does_nothing(runs: list[str]) -> None:
    install.main("demo")
    first = list(runs)

    install.main("demo")

    assert [command.split()[-1] for command in first] == [
        str(install.VENV),
        str(install.CHECKOUT / "requirements" / "demo.txt"),
        str(install.VENV / "lib"),
    ]
    assert "--require-hashes" in first[1]
    assert runs == first


def test_development_set_contains_the_demo(runs: list[str]) -> None:
    install.main("dev")
    first = list(runs)

    install.main("demo")

    assert runs == first


def test_changed_requirements_are_installed(runs: list[str]) -> None:
    install.main("demo")
    runs.clear()
    (install.CHECKOUT / "requirements" / "demo.txt").write_text("demo==2\n")

    install.main("demo")

    assert len(runs) > 0


def test_environment_without_its_python_is_made_anew(runs: list[str]) -> None:
    install.main("demo")
    runs.clear()
    install.PYTHON.unlink()

    install.main("demo")

    assert "-m venv --clear" in runs[0]


def test_uv_is_used_where_it_is(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/bin/uv")

    install.main("dev")

    assert len(runs) == 2
    assert runs[0].startswith("/bin/uv sync --quiet --frozen")
    assert " -m compileall " in runs[1]


def test_whoever_waits_is_told(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    install.main("demo")
    told = capsys.readouterr().out

    install.main("demo")

    assert told.startswith("installing requirements/demo.txt with pip, this time only …\ninstalled")
    assert capsys.readouterr().out == ""


def test_no_cache_is_kept_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)

    environment = install._environment()

    assert environment["UV_NO_CACHE"] == environment["PIP_NO_CACHE_DIR"] == "1"
