import pytest

from dev.ports import NoPortError, asked_port


@pytest.mark.parametrize(
    ("asked", "port"), [("", None), ("1", 1), ("8000", 8000), ("65535", 65535)]
)
def test_a_port_may_be_asked_for(
    asked: str, port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", asked)

    assert asked_port() == port


@pytest.mark.parametrize("asked", ["abc", "0", "-1", "65536", "80.5", " "])
def test_what_is_no_port_is_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", asked)

    with pytest.raises(NoPortError, match=f"PORT={asked} is no port"):
        asked_port()
