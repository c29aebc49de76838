"""When a delivery loop has to look for work next, besides hints."""

import heapq
import time
from dataclasses import dataclass, field

#: Due times remembered; beyond that, the regular look finds them.
REMEMBERED = 10_000
#: Seconds between looks for the tokens of throttled lanes, at the least.
TOKENS = 0.05


@dataclass(slots=True)
class DueTimes:
    """Due times that one loop knows, on its own monotonic clock."""

    _heap: list[float] = field(default_factory=list)
    _tokens_at: float | None = None

    def add(self, seconds: float) -> None:
        """Remember that something is due in so many seconds."""
        if len(self._heap) < REMEMBERED:
            heapq.heappush(self._heap, time.monotonic() + max(0.0, seconds))

    def throttled(self, seconds: float | None) -> None:
        """Remember when tokens come back; a claim tells of all lanes, so the last one counts."""
        self._tokens_at = None if seconds is None else time.monotonic() + max(TOKENS, seconds)

    def until_next(self, *, looked_at: float, most: float) -> float:
        """Return how many seconds to wait for the next of them, `most` if none is nearer.

        A claim that was begun at `looked_at` has seen what was due before.
        """
        while self._heap and self._heap[0] < looked_at:
            heapq.heappop(self._heap)
        first = min(self._heap[:1] + ([self._tokens_at] if self._tokens_at else []), default=None)
        if first is None:
            return most
        return min(most, max(0.0, first - time.monotonic()) + 0.001)
