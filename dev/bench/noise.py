"""Endpoints that never answer, with as many events for them as for the healthy ones."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dev.bench.options import Options
from dev.bench.publishing import Publishing, order_of
from dev.bench.receiving import OwnReceiver
from dev.bench.stage import APP, Stage

#: Seconds that hanging endpoints get to fill what they can before the healthy are measured.
_HEAD_START = 5.0


@dataclass(frozen=True)
class Noise:
    """The publisher for the hanging endpoints."""

    pid: int


@contextmanager
def hanging_endpoints(stage: Stage, options: Options, first: int) -> Iterator[Noise]:
    """Make as many endpoints as there are healthy ones, keep them busy, and end them."""
    made = stage.make_endpoints(options, path=f"hang{first}-", channel="h")
    events = round(_HEAD_START * options.rate) + options.events
    order = order_of(stage, options, first=first, events=events, channel="h")
    publishing = Publishing(stage, order, tool="own", name="noise")
    try:
        time.sleep(_HEAD_START)
        yield Noise(publishing.process.pid)
    finally:
        publishing.stop()
        for endpoint in made:
            stage.svix.endpoint.delete(APP, endpoint)
        if isinstance(stage.receiver, OwnReceiver):
            stage.receiver.release()
