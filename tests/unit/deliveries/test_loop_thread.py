"""What a worker process does before its delivery loop begins."""

import gc
from collections.abc import Iterator

import pytest

from deliveries import loop_thread
from webhooks_platform.lib import garbage


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the process its own garbage collection back."""
    before = gc.get_threshold()
    monkeypatch.setattr(loop_thread, "_of_this_process", None)
    monkeypatch.setattr(loop_thread.LoopThread, "start", lambda _self: None)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_a_worker_leaves_what_was_imported_out_of_collections_and_has_fewer() -> None:
    assert gc.get_freeze_count() == 0

    loop_thread.start()

    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == garbage.COLLECT_AFTER == 20_000
