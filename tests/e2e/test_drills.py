"""The drills of `make gameday` in their short forms, on real processes."""

from collections.abc import Iterator

import pytest

from dev.drills.rig import Rig, rigged
from dev.gameday import DRILLS

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with rigged() as made:
        yield made


@pytest.mark.parametrize("name", DRILLS)
def test_every_check_of_a_drill_holds(rig: Rig, name: str) -> None:
    checks = DRILLS[name].rehearse(rig, short=True)

    assert [check for check in checks if not check.holds] == []
