"""What a delivery loop knows of endpoints, keyed by the versions that each claim returns.

A change of an endpoint, its headers, secrets or policy raises a version, so it holds for the
next attempt in every process, and nothing has to be told about it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from deliveries.attempt import PreparedTarget, prepare
from deliveries.outcome import LeasedDelivery
from endpoints import targets
from webhooks_platform.lib.database import Connection

#: Endpoints kept; the least recently used go first. One takes about 3 KB.
CAPACITY = 20_000


class TargetCache:
    """Prepared targets by endpoint id."""

    def __init__(self) -> None:
        self._prepared: OrderedDict[UUID, PreparedTarget] = OrderedDict()

    async def fill(self, connection: Connection, batch: Sequence[LeasedDelivery]) -> None:
        """Load what the batch needs and is not here in the version its claim returned."""
        stale = {d.endpoint_id for d in batch if not self._is_current(d)}
        if not stale:
            return
        for endpoint_id, target in (await targets.load(connection, list(stale))).items():
            self._prepared[endpoint_id] = prepare(target)
        while len(self._prepared) > CAPACITY:
            self._prepared.popitem(last=False)

    def get(self, endpoint_id: UUID) -> PreparedTarget | None:
        """Return the target, or None when its endpoint is not there any more."""
        prepared = self._prepared.get(endpoint_id)
        if prepared is not None:
            self._prepared.move_to_end(endpoint_id)
        return prepared

    def longest_timeout(self, batch: Sequence[LeasedDelivery]) -> float:
        """Return the most seconds that one send of the batch may take; 0 if none can be made."""
        prepared = (self._prepared.get(delivery.endpoint_id) for delivery in batch)
        return max((found.target.policy.send_timeout for found in prepared if found), default=0.0)

    def _is_current(self, delivery: LeasedDelivery) -> bool:
        prepared = self._prepared.get(delivery.endpoint_id)
        return prepared is not None and prepared.version == delivery.version
