import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.directories import data_directory, make_passable, make_private, temporary_directory
from dev.identity import ServerUser, server_user

STRANGER = ServerUser(uid=54321, gid=54321)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that strangers can enter, unlike pytest's own."""
    place = temporary_directory()
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def test_new_directories_let_others_pass_whatever_the_umask(open_place: Path) -> None:
    before = os.umask(0o077)
    try:
        make_passable(open_place / "a" / "b")
    finally:
        os.umask(before)

    assert mode(open_place / "a") == 0o711
    assert mode(open_place / "a" / "b") == 0o711


def test_existing_directory_keeps_its_mode(open_place: Path) -> None:
    closed = open_place / "closed"
    closed.mkdir(mode=0o700)

    make_passable(closed)
    make_private(closed)

    assert mode(closed) == 0o700


@pytest.mark.parametrize(
    ("directory_mode", "allowed"),
    [
        pytest.param(0o700, False, id="owner only"),
        pytest.param(0o750, False, id="group of others"),
        pytest.param(0o711, True, id="passable"),
        pytest.param(0o744, False, id="readable but not passable"),
    ],
)
def test_stranger_enters_by_the_modes_of_all_parents(
    open_place: Path, directory_mode: int, allowed: bool
) -> None:
    inner = open_place / "outer" / "inner"
    make_passable(inner)
    inner.parent.chmod(directory_mode)

    assert STRANGER.may_enter(inner) is allowed


def test_group_member_is_judged_by_the_group_bits(open_place: Path) -> None:
    open_place.chmod(0o701)
    member = ServerUser(uid=54321, gid=open_place.stat().st_gid)

    assert member.may_enter(open_place) is False
    assert STRANGER.may_enter(open_place) is True


def test_data_stay_in_a_checkout_that_servers_can_enter(open_place: Path) -> None:
    assert data_directory(open_place) == open_place / ".local"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as somebody else")
def test_data_of_a_closed_checkout_lie_outside(open_place: Path) -> None:
    checkout = open_place / "project"
    checkout.mkdir(mode=0o700)

    outside = data_directory(checkout)

    assert outside.parent == Path("/var/lib/webhooks-platform")
    assert outside.name.startswith("project-")
    assert mode(checkout) == 0o700


def test_socket_directory_is_short_private_and_the_servers_own(
    monkeypatch: pytest.MonkeyPatch, open_place: Path
) -> None:
    deep = open_place / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))

    made = temporary_directory()

    assert len(bytes(made)) < 75
    assert mode(made) == 0o700
    assert made.stat().st_uid == server_user().uid
    made.rmdir()
