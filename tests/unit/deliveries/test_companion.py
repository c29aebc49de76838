"""How what runs beside a loop's claims comes to its end."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from deliveries import companion


async def swallows_one() -> None:
    """Go on after a cancellation, as asyncio.wait_for of Python 3.11 may make one do."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def fails() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise ValueError


@pytest.mark.parametrize("work", [swallows_one, fails])
def test_all_end_however_often_they_have_to_be_told(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    monkeypatch.setattr(companion, "CANCEL_AGAIN", 0.01)

    async def run() -> list[bool]:
        tasks = [asyncio.create_task(work()), asyncio.create_task(asyncio.sleep(3600))]
        await asyncio.sleep(0)
        await asyncio.wait_for(companion.end(tasks), 5)
        return [task.done() for task in tasks]

    assert asyncio.run(run()) == [True, True]
