"""Make leases last: for a batch's longest send, and while outcomes wait to be written.

A lease outlives the longest send, so that only a late recording can make a living worker lose it:
what was delivered would be sent again. A process that is killed, or frozen, extends nothing.
"""

from collections.abc import Callable, Collection
from uuid import UUID

from deliveries.claim import extend
from deliveries.companion import Companion
from webhooks_platform.lib.database import Connection

# A lease that the sweep handles at this moment is lost; waiting for it would keep others waiting.
KEEP = """
UPDATE lease SET expires_at = clock_timestamp() + %(margin)s * interval '1 second'
FROM (SELECT id FROM lease
      WHERE id = ANY (%(leases)s)
        AND expires_at < clock_timestamp() + %(ending)s * interval '1 second'
      FOR UPDATE SKIP LOCKED) ending
WHERE lease.id = ANY (ARRAY[ending.id])
"""


class Holding:
    """Extends the leases of one loop; durations in seconds.

    While it runs, leases of waiting outcomes that end within two thirds of `margin` are given
    `margin` anew. That is what a lease leaves for recording anyway, so a killed process loses its
    leases no later than without it. Its connection is its own: a slow recording has another.
    """

    def __init__(
        self, leases: Callable[[], Collection[UUID]], *, send_timeout: float, margin: float
    ) -> None:
        """`leases` returns those whose outcomes wait now; a claim's is for both durations."""
        self._leases = leases
        self._send_timeout = send_timeout
        self._margin = margin
        self._companion = Companion("hold", self.keep, period=margin / 6)

    async def cover(self, connection: Connection, lease: UUID, *, longest: float) -> bool:
        """Make a lease outlive a send of `longest`; False if it was taken back: send nothing."""
        if longest <= self._send_timeout:
            return True
        return await extend(connection, lease, seconds=longest + self._margin)

    async def run(self) -> None:
        """Repeat until cancelled."""
        await self._companion.run()

    async def keep(self, connection: Connection) -> bool:
        """Extend what is about to end; False, for there is no more of it to come soon."""
        if leases := self._leases():
            ending = self._margin * 2 / 3
            values = {"leases": list(leases), "margin": self._margin, "ending": ending}
            await connection.execute(KEEP, values)
        return False
