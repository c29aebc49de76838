"""Leases rows and records outcomes in tests, as a delivery loop would."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from deliveries.claim import Claims
from deliveries.models import OpenDelivery
from deliveries.outcome import LeasedDelivery, Outcome, Request, Verdict
from deliveries.record import Recorded, record
from deliveries.rooms import Rooms
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection, connect

T = TypeVar("T")


def with_connection(work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run one piece of asynchronous work on a connection of its own."""

    async def run() -> T:
        async with await connect("test") as connection:
            return await work(connection)

    return asyncio.run(run())


def claimed(slots: int = 100) -> list[LeasedDelivery]:
    return with_connection(lambda c: Claims().claim(c, rooms=Rooms(slots), seconds=30)).deliveries


def lease(row: OpenDelivery) -> LeasedDelivery:
    """Claim everything due and return the given row's lease."""
    return next(delivery for delivery in claimed() if delivery.id == row.id)


def request(status_code: int = 503, error_kind: str | None = "http_status") -> Request:
    return Request(ids.new(), status_code, error_kind, 12, "http://127.0.0.1:9/", "answer")


def delivered(delivery: LeasedDelivery) -> Outcome:
    return Outcome(delivery, Verdict.DELIVERED, request(200, None))


def retry(delivery: LeasedDelivery, **values: Any) -> Outcome:
    return Outcome(
        delivery,
        Verdict.RETRY,
        **{
            "request": request(),
            "delay": 60.0,
            "ended": time.monotonic(),
            "charged": True,
            **values,
        },
    )


def dead(delivery: LeasedDelivery, reason: str = "exhausted", **values: Any) -> Outcome:
    facts = {"request": request(), "charged": True, "organization_id": ids.new()}
    return Outcome(delivery, Verdict.DEAD, reason=reason, event_type="a.b", **{**facts, **values})


def recorded(outcomes: Sequence[Outcome], disable_after: float = 432_000) -> Recorded:
    return with_connection(lambda c: record(c, outcomes, disable_after=disable_after))
