"""The delivery loop: claim -> attempt (many in flight) -> record, until told to stop.

One a worker process, in a thread of its own (loop_thread.py). It looks for work when a hint or a
due time says so, and at least every LOOK seconds, so that neither Redis nor beat is needed.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from deliveries import attempt, measuring, usage
from deliveries.claim import Claims, load_events
from deliveries.companion import Companion, end
from deliveries.due_times import DueTimes
from deliveries.holding import Holding
from deliveries.outcome import (
    Closed,
    EventContent,
    LeasedDelivery,
    Outcome,
    Verdict,
    ended_with_its_endpoint,
    ended_with_its_payload,
)
from deliveries.purge import purge
from deliveries.record import Recorded
from deliveries.recorder import Close, Recorder
from deliveries.slots import Send, Slots
from deliveries.sweep import sweep_aloud
from deliveries.take_up import take_up
from deliveries.target_cache import TargetCache
from deliveries.transport import Transport
from deliveries.wake import REPLAY, Waker
from endpoints.policy import SEND_TIMEOUT_MAX
from webhooks_platform.lib import metrics
from webhooks_platform.lib.database import PLANNED_ONCE, Connection, SteadyConnection

log = logging.getLogger(__name__)

#: Seconds between looks at an idle queue; a retry whose time no loop here knows starts that late.
LOOK = 0.9
#: Seconds between sweeps for leases of dead workers.
SWEEP = 5.0
#: Seconds between looks for jobs that nobody hinted at, and between portions of a replay job.
LOOK_FOR_REPLAYS = 5.0
TAKE_UP = 0.2
#: Seconds a lease outlives the longest send, for the outcome to be written.
LEASE_MARGIN = 15.0
#: Seconds to collect work after a claim of at least GATHER_FROM: larger batches then cost less than
#: the wait; below, a delivery goes out, and its outcome is written, at once.
GATHER = 0.004
GATHER_FROM = 4
#: Outcomes that wait to be written when the loop stops claiming.
BEHIND = 2000
#: Seconds before the next try when the database cannot be reached.
BACKOFF = 0.5
#: Seconds between looks while something is capped: a send becomes late without telling, and
#: another loop may have taken a hint for an endpoint that only this one may send to.
CAPPED = 0.1
#: A batch of the slots' half wakes another loop: more may be due than this one may send.
PASSED_ON = 2


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How one delivery loop works; durations in seconds."""

    in_flight: int
    send_timeout: float
    disable_after: float
    #: Of them for one endpoint; None for no less.
    endpoint_in_flight: int | None = None

    @property
    def lease(self) -> float:
        return self.send_timeout + LEASE_MARGIN


class DeliveryLoop:
    """Everything one loop holds; made and run inside its event loop."""

    def __init__(
        self, options: LoopSettings, *, transport: Transport, waker: Waker, close: Close
    ) -> None:
        self._options = options
        self._transport = transport
        self._waker = waker
        self._connection = SteadyConnection("webhooks-claim", PLANNED_ONCE)
        self._claims = Claims()
        self._slots = Slots(options.in_flight, options.endpoint_in_flight or options.in_flight)
        self._targets = TargetCache()
        self._recorder = Recorder(
            patience=SEND_TIMEOUT_MAX + LEASE_MARGIN,
            disable_after=options.disable_after,
            close=close,
            done=self._recorded,
        )
        self._holding = Holding(
            self._recorder.lease_ids, send_timeout=options.send_timeout, margin=LEASE_MARGIN
        )
        self._sweeper = Companion("sweep", sweep_aloud, period=SWEEP)
        self._replayer = Companion(
            "replay", self._take_up, period=LOOK_FOR_REPLAYS, busy_period=TAKE_UP
        )
        self._answerer = Companion("usage", usage.work, period=LOOK_FOR_REPLAYS)
        self._sends: set[asyncio.Task[None]] = set()
        self._due_times = DueTimes()
        self._looked_at = 0.0
        self._batch = 0  # Size of the last claim that found something.
        self._stopping = False
        #: Set when there may be something to claim, and when a slot has become free.
        self._work = asyncio.Event()
        self._idle = asyncio.Event()

    def poke(self) -> None:
        """Look for work now."""
        self._idle.clear()
        self._work.set()

    async def wait_idle(self) -> None:
        """Wait until a claim has found nothing due and nothing is in flight."""
        await self._idle.wait()

    def stop(self) -> None:
        """Claim nothing more; `run` ends when what is in flight has been recorded."""
        self._stopping = True
        self._work.set()

    async def run(self) -> None:
        recording = asyncio.create_task(self._recorder.run(self._gather))
        companions = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._holding.run()),
            asyncio.create_task(self._sweeper.run()),
            asyncio.create_task(self._replayer.run()),
            asyncio.create_task(self._answerer.run()),
        ]
        await self._claim_forever()
        if self._sends:
            await asyncio.wait(self._sends, timeout=SEND_TIMEOUT_MAX + LEASE_MARGIN)
        self._recorder.stop()
        await recording
        await end(companions)
        await self._connection.aclose()
        await self._transport.aclose()
        await self._waker.aclose()

    def _gather(self) -> float:
        return GATHER if self._batch >= GATHER_FROM else 0.0

    async def _claim_forever(self) -> None:
        while not self._stopping:
            self._work.clear()
            try:
                claimed, more = await self._claim_once()
            except Exception as error:
                known = isinstance(error, psycopg.Error)
                log.warning("claim_failed error=%s", type(error).__name__, exc_info=not known)
                await asyncio.sleep(BACKOFF)
                continue
            if claimed:
                await asyncio.sleep(self._gather())
            if not more:
                await self._until_work()

    async def _claim_once(self) -> tuple[int, bool]:
        """Lease and start a batch; return its size and whether there may be more for free slots.

        Whatever becomes due from now on is told by a hint, or found at the next look.
        """
        if self._free() <= 0:
            return 0, False
        connection = await self._connection.get()
        leased_at = self._looked_at = time.monotonic()
        rooms = self._slots.rooms()
        claimed = await self._claims.claim(connection, rooms=rooms, seconds=self._options.lease)
        self._due_times.throttled(claimed.throttled)
        batch = claimed.deliveries
        if batch:
            self._batch = len(batch)
            await self._start(connection, batch, leased_at)
        if batch and len(batch) >= min(rooms.slots, self._options.in_flight // PASSED_ON):
            await self._waker.hint()
        return len(batch), claimed.more or (bool(batch) and not self._waker.hears)

    def _free(self) -> int:
        """Return how many sends may be begun: none while recording is far behind."""
        return 0 if self._recorder.waiting >= BEHIND else self._slots.free()

    async def _start(
        self, connection: Connection, batch: Sequence[LeasedDelivery], leased_at: float
    ) -> None:
        open_ones = [d for d in batch if d.closed is Closed.NO]
        for delivery in (d for d in batch if d.closed is not Closed.NO):
            self._recorder.put(ended_with_its_endpoint(delivery))
        if not open_ones:
            return
        try:
            events = await load_events(connection, [d.event_id for d in open_ones])
            await self._targets.fill(connection, open_ones)
            longest = self._targets.longest_timeout(open_ones)
            held = await self._holding.cover(connection, batch[0].lease_id, longest=longest)
        except Exception:
            self._give_back(open_ones)
            raise
        late = time.monotonic() > leased_at + LEASE_MARGIN / 2
        if self._stopping or late or not held:
            # After a stop nothing is begun, and a late send might outlive its lease.
            self._give_back(open_ones)
            return
        for delivery in open_ones:
            self._begin(delivery, events.get(delivery.event_id))
        metrics.set_in_flight(len(self._sends))

    def _give_back(self, batch: Sequence[LeasedDelivery]) -> None:
        for delivery in batch:
            self._recorder.put(Outcome(delivery, Verdict.RETURNED))

    def _begin(self, delivery: LeasedDelivery, event: EventContent | None) -> None:
        prepared = self._targets.get(delivery.endpoint_id)
        if prepared is None or event is None or event.payload is None:
            self._recorder.put(ended_with_its_payload(delivery, event))
            return
        send = self._slots.begin(delivery)
        task = asyncio.create_task(self._send(send, event, prepared))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _send(
        self, send: Send, event: EventContent, prepared: attempt.PreparedTarget
    ) -> None:
        delivery = send.delivery
        try:
            outcome = await attempt.make(delivery, event, prepared, self._transport)
        except Exception:
            log.exception("attempt_failed delivery=%s", delivery.id)
            outcome = attempt.lost(
                delivery,
                url=prepared.target.url_text,
                organization_id=event.organization_id,
                event_type=event.event_type,
            )
        if self._slots.end(send, outcome):
            self._work.set()
        self._recorder.put(outcome)

    def _recorded(self, batch: Sequence[Outcome], recorded: Recorded) -> None:
        """Remember when the retries just written are due, to be there in time."""
        for delay in (outcome.delay for outcome in batch if outcome.verdict is Verdict.RETRY):
            self._due_times.add(delay)
        measuring.count_recorded(batch, recorded.delivery_ids)
        metrics.set_in_flight(len(self._sends))
        if self._recorder.waiting >= BEHIND or any(outcome.request is None for outcome in batch):
            # The loop may have stopped claiming for that; a lane may have waited for its probe.
            self._work.set()
        if stale := len(batch) - len(recorded.delivery_ids):
            log.warning("stale_outcomes count=%d", stale)

    async def _until_work(self) -> None:
        """Wait for a hint, a poke, a free slot, a due time known here, tokens, or LOOK seconds."""
        if not self._sends:
            self._idle.set()
        try:
            async with asyncio.timeout(self._until_due()):
                await self._work.wait()
        except TimeoutError:
            pass
        self._idle.clear()

    def _until_due(self) -> float:
        most = CAPPED if self._slots.capped or self._free() <= 0 else LOOK
        return self._due_times.until_next(looked_at=self._looked_at, most=most)

    async def _take_up(self, connection: Connection) -> bool:
        taken = await take_up(connection)
        if taken.deliveries:
            self.poke()
        return await purge(connection) or taken.jobs > 0

    async def _listen(self) -> None:
        """Take wake-up tokens, but only while slots are free: another loop may be idle."""
        while True:
            try:
                if self._free() <= 0:
                    await asyncio.sleep(0.05)
                elif token := await self._waker.wait(1.0):
                    self.poke()
                    if token == REPLAY:
                        self._replayer.nudge()
            except Exception:
                log.exception("listening_failed")
                await asyncio.sleep(BACKOFF)
