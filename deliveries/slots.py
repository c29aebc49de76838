"""Which sends one loop may begin: its slots, and the windows of endpoints.

Kept in memory by each delivery loop and given to its claims (docs/adr/0024). Sends to endpoints
that answer promptly and all others are counted apart, so that who does not answer takes no slot
from who does. An endpoint's window is how many sends it may have open here: one more with each
answer, half as many with each stall.
"""

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from uuid import UUID

from deliveries.error_kinds import HOLDS_SLOT, OURS
from deliveries.outcome import LeasedDelivery, Outcome
from deliveries.rooms import Rooms

#: Seconds within which a prompt endpoint answers; a send that is open for longer is late.
PROMPT = 0.5
#: Endpoints remembered; the least recently used go first.
KNOWN = 20_000
#: Sends that an endpoint may begin which is not known here, while slow sends hold their slots.
FEW = 2
#: Prompt endpoints that are named to a claim which may take of no others.
NAMED = 1000
#: Idle endpoints with a small window that are told to a claim.
SHRUNK = 1000


@dataclass(slots=True, eq=False)
class Lane:
    """What a loop knows of an endpoint."""

    window: int
    held: int = 0
    #: Sends that are counted as slow, of these.
    slow: int = 0
    #: Whether the last attempt was answered in time.
    answers: bool = False

    @property
    def prompt(self) -> bool:
        return self.answers and not self.slow


@dataclass(slots=True, eq=False)
class Tenancy:
    """What a loop has open for a tenant at prompt endpoints."""

    quick: int = 0


@dataclass(slots=True, eq=False)
class Send:
    """One send that is open, or has ended."""

    delivery: LeasedDelivery
    lane: Lane
    tenant: Tenancy
    began: float
    slow: bool
    ended: bool = False


@dataclass(slots=True)
class Slots:
    """The sends of one loop, counted by endpoint and tenant.

    Prompt endpoints of a tenant have `total`, and a quarter more together, so that other tenants
    always find some. Slow ones have `total` as well; half as many more are for endpoints that this
    loop has not met, a few each.
    """

    total: int
    #: Sends that one endpoint may have open.
    per_endpoint: int
    #: Open sends to prompt endpoints; late ones, and those to endpoints not known to be prompt.
    quick: int = 0
    slow: int = 0
    #: Whether an endpoint, a tenant or all have what they may have: more may then be due.
    capped: bool = False
    _known: OrderedDict[UUID, Lane] = field(default_factory=OrderedDict)
    #: Lanes with open sends or a small window; the others are offered `start`.
    _noted: dict[UUID, Lane] = field(default_factory=dict)
    _tenants: dict[UUID, Tenancy] = field(default_factory=dict)
    _young: deque[Send] = field(default_factory=deque)

    @property
    def start(self) -> int:
        """Return the window of an endpoint of which nothing is known."""
        return max(1, min(self.per_endpoint, self.total // 2))

    @property
    def held(self) -> int:
        return self.quick + self.slow

    @property
    def strained(self) -> bool:
        """Return whether nothing more is begun to endpoints that are slow."""
        return self.slow >= self.total

    @property
    def _quick_most(self) -> int:
        return self.total + self.total // 4

    @property
    def _slow_most(self) -> int:
        return self.total + self.total // 2

    def free(self) -> int:
        """Return how many sends may be begun, by endpoints to which `rooms` gives room."""
        self._age()
        free = min(self._quick_most - self.quick, 2 * self.total - self.held)
        if self.strained:
            admitted = self._slow_most - self.slow
        else:
            # All of a claim may be of endpoints that then hang; some places are left for others.
            admitted = max(self.total - self.slow, self.total // 8)
        return max(0, min(free, admitted) if self._admits else free)

    @property
    def _admits(self) -> bool:
        """Return whether a claim may take of endpoints that this loop has not met."""
        return self.slow < self._slow_most

    def rooms(self) -> Rooms:
        """Return what the next claim may take."""
        free = self.free()
        others = (min(FEW, self.start) if self.strained else self.start) if self._admits else 0
        endpoints = {} if others else self._prompt()
        self.capped = not free or self.strained
        for key, lane in self._noted.items():
            room = max(0, lane.window - lane.held) if lane.prompt or not self.strained else 0
            if room < others or self.strained:
                endpoints[key] = room
                self.capped = self.capped or not room
        tenants = {key: self.total - t.quick for key, t in self._tenants.items()}
        scarce = {key: room for key, room in tenants.items() if room < free}
        self.capped = self.capped or 0 in scarce.values()
        return Rooms(free, endpoints, others, scarce, self.total)

    def _prompt(self) -> dict[UUID, int]:
        """Return rooms of prompt endpoints, those met last."""
        rooms: dict[UUID, int] = {}
        for key in reversed(self._known):
            lane = self._known[key]
            if lane.prompt:
                rooms[key] = lane.window
                if len(rooms) == NAMED:
                    break
        return rooms

    def begin(self, delivery: LeasedDelivery) -> Send:
        lane = self._lane(delivery.endpoint_id)
        tenant = self._tenants.get(delivery.tenant_id) or Tenancy()
        send = Send(delivery, lane, tenant, time.monotonic(), not lane.prompt)
        if send.slow:
            self.slow += 1
            lane.slow += 1
        else:
            self.quick += 1
            tenant.quick += 1
            self._tenants[delivery.tenant_id] = tenant
            self._young.append(send)
        lane.held += 1
        if not self._room(send):
            self.capped = True
        return send

    def _room(self, send: Send) -> int:
        """Return how many more such sends there may be."""
        if send.slow:
            most = self.total - self.slow
        else:
            most = min(self._quick_most - self.quick, self.total - send.tenant.quick)
        return max(0, min(send.lane.window - send.lane.held, most))

    def end(self, send: Send, outcome: Outcome) -> bool:
        """Free a send's slot; return whether it is time to claim for those that were capped.

        That is when an eighth is free: a claim for each slot costs more than the wait.
        """
        lane = send.lane
        send.ended = True
        if send.slow:
            self.slow -= 1
            lane.slow -= 1
        else:
            self._not_quick(send)
        lane.held -= 1
        self._adapt(lane, outcome, time.monotonic() - send.began)
        if not lane.held and (lane.window >= self.start or len(self._noted) > SHRUNK):
            del self._noted[send.delivery.endpoint_id]
        return self.capped and self._room(send) * 8 >= lane.window

    def _adapt(self, lane: Lane, outcome: Outcome, took: float) -> None:
        request = outcome.request
        if request is None or request.error_kind in OURS:
            return
        lane.answers = took <= PROMPT
        if request.error_kind in HOLDS_SLOT:
            lane.answers = False
            lane.window = max(1, lane.window // 2)
        elif lane.window < self.per_endpoint:
            lane.window += 1

    def _age(self) -> None:
        """Count the sends that are late."""
        young, before = self._young, time.monotonic() - PROMPT
        while young and (young[0].ended or young[0].began < before):
            send = young.popleft()
            if not send.ended:
                send.slow = True
                send.lane.slow += 1
                self.slow += 1
                self._not_quick(send)

    def _not_quick(self, send: Send) -> None:
        self.quick -= 1
        send.tenant.quick -= 1
        if not send.tenant.quick:
            del self._tenants[send.delivery.tenant_id]

    def _lane(self, key: UUID) -> Lane:
        lane = self._known.get(key)
        if lane is None:
            if len(self._known) >= KNOWN:
                self._forget_one()
            lane = self._known[key] = Lane(self.start)
        else:
            self._known.move_to_end(key)
        if not lane.held:
            self._noted[key] = lane
        return lane

    def _forget_one(self) -> None:
        key = next((key for key, lane in self._known.items() if not lane.held), None)
        if key is not None:
            del self._known[key]
            self._noted.pop(key, None)
