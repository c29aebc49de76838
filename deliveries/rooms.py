"""How many rows a claim may take of each endpoint and tenant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

#: More than any claim has slots.
NO_LIMIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a loop has room for at this moment; in effect for one claim."""

    slots: int
    endpoints: Mapping[UUID, int] = field(default_factory=dict)
    #: For each endpoint that is not among them.
    others: int = NO_LIMIT
    tenants: Mapping[UUID, int] = field(default_factory=dict)
    #: For each tenant that is not among them; None for no limit.
    whole: int | None = None

    def of_endpoint(self, key: UUID) -> int:
        return self.endpoints.get(key, self.others)

    def of_tenant(self, key: UUID) -> int:
        return self.tenants.get(key, NO_LIMIT if self.whole is None else self.whole)

    def parameters(self) -> dict[str, Any]:
        """Return the values of the claim's statement, the lists as JSON objects.

        A look-up in JSON costs the same whatever the planner thinks of the number of lanes, which
        a join with arrays does not (docs/adr/0021).
        """
        return {
            "slots": self.slots,
            "rooms": _json(self.endpoints),
            "room": self.others,
            "tenant_rooms": _json(self.tenants),
            "tenant_room": NO_LIMIT if self.whole is None else self.whole,
        }


def _json(rooms: Mapping[UUID, int]) -> str:
    return json.dumps({str(key): room for key, room in rooms.items()}) if rooms else "{}"
