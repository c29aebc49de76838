"""Take up the next portions of running replay jobs: what they select goes back into the queue.

Run by every delivery loop and by beat. A job's deliveries are taken up a few at a time, so that
it can be paced, paused and cancelled, and does not stand before everything else. Each portion is
one transaction: deliveries, letters, position and counts are committed together, so a killed
process leaves no delivery taken up twice or counted once too often.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from deliveries.models import Replay
from deliveries.reopening import REOPEN, reopening
from deliveries.selection import Selection
from webhooks_platform.lib.database import Connection

log = logging.getLogger(__name__)

#: Deliveries that one portion re-opens, and rows that it looks at to find them.
PORTION = 250
SCAN = 5000
#: Deliveries of a job, and of one endpoint in it, that are queued and that nobody has tried yet.
JOB_UNTRIED = 4000
LANE_UNTRIED = 1000
#: Seconds for one round over all jobs; the next goes on.
ROUND = 0.25

RUNNING = f"""
SELECT id FROM replay WHERE state = '{Replay.State.RUNNING}' AND NOT taken_up ORDER BY id LIMIT 100
"""
LOCK = b"""
SELECT pg_try_advisory_xact_lock(hashtextextended(%s::text, 0)),
       set_config('lock_timeout', '500ms', true)
"""
# Not locked: recording updates the row, and a portion updates it last, as everybody does.
JOB = f"""
SELECT r.id, r.tenant_id, r.source, r.filters, r.created_at, r.created_by, r.note,
       least(%(portion)s,
             %(untried)s - (SELECT count(*) FROM open_delivery o
                            WHERE o.job_id = r.id AND o.charged = 0),
             CASE WHEN r.rate_per_second IS NULL THEN %(portion)s
                  ELSE floor(r.rate_per_second * least(
                      1, extract(epoch FROM clock_timestamp() - r.paced_at))) END)::int
FROM replay r
WHERE r.id = %(job)s AND r.state = '{Replay.State.RUNNING}' AND NOT r.taken_up
"""
# The endpoint whose turn it is. Its lock makes a transaction that disables it wait, or be seen.
LANE = """
SELECT l.endpoint_id, l.position, e.disabled_at IS NOT NULL, e.deleted_at IS NOT NULL
FROM replay_lane l JOIN endpoint e ON e.id = l.endpoint_id
WHERE l.replay_id = %(job)s AND NOT l.done
  AND (SELECT count(*) FROM open_delivery o
       WHERE o.job_id = l.replay_id AND o.endpoint_id = l.endpoint_id AND o.charged = 0)
      < %(untried)s
ORDER BY l.turn_at LIMIT 1 FOR SHARE OF e
"""
PORTION_OF_LANE = """
WITH scanned AS MATERIALIZED ({scan}),
chosen AS MATERIALIZED (
    SELECT s.*, coalesce((SELECT e.payload IS NOT NULL
                                 AND coalesce(e.payload_expires_at > clock_timestamp(), true)
                          FROM event e WHERE e.id = s.event_id), false) AS kept
    FROM scanned s WHERE wanted ORDER BY key LIMIT %(room)s
),
step AS (
    SELECT (SELECT count(*) FROM scanned) AS seen, (SELECT count(*) FROM chosen) AS taken
)
SELECT coalesce(
           CASE WHEN taken = %(room)s THEN (SELECT key FROM chosen ORDER BY key DESC LIMIT 1) END,
           (SELECT key FROM scanned ORDER BY key DESC LIMIT 1), %(position)s),
       seen < %(scan)s AND taken < %(room)s,
       (SELECT array_agg(delivery_id ORDER BY key) FROM chosen WHERE kept),
       (SELECT array_agg(event_id ORDER BY key) FROM chosen WHERE kept),
       (SELECT count(*) FROM chosen WHERE NOT kept)
FROM step
"""
MOVE_LANE = """
UPDATE replay_lane SET position = %(position)s, done = %(done)s, turn_at = clock_timestamp()
WHERE replay_id = %(job)s AND endpoint_id = %(endpoint)s
"""
# Deliveries that cannot be sent have failed: their endpoint is disabled, or the payload is gone.
COUNT = f"""
UPDATE replay r
SET queued = r.queued + %(queued)s, failed = r.failed + %(unsent)s,
    total = CASE WHEN s.ends THEN r.delivered + r.failed + %(unsent)s
                 ELSE greatest(r.total, r.delivered + r.failed + r.queued + %(queued)s
                                        + %(unsent)s) END,
    taken_up = s.all_taken, counted = r.counted OR s.all_taken,
    paced_at = greatest(r.paced_at, clock_timestamp() - interval '1 second')
               + coalesce((%(queued)s + %(unsent)s) / r.rate_per_second::float8, 0)
                 * interval '1 second',
    state = CASE WHEN s.ends THEN '{Replay.State.FINISHED}' ELSE r.state END,
    finished_at = CASE WHEN s.ends THEN clock_timestamp() ELSE r.finished_at END
FROM (SELECT l.all_taken,
             l.all_taken AND q.queued + %(queued)s = 0
                 AND q.state = '{Replay.State.RUNNING}' AS ends
      FROM replay q, (SELECT NOT EXISTS (SELECT FROM replay_lane
                                         WHERE replay_id = %(job)s AND NOT done) AS all_taken) l
      WHERE q.id = %(job)s FOR NO KEY UPDATE OF q) s
WHERE r.id = %(job)s
"""


@dataclass(frozen=True, slots=True)
class TakenUp:
    """How many jobs have something left to take up, and how many deliveries are due now."""

    jobs: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class _Job:
    """A running job, and how many deliveries it may take up now."""

    id: UUID
    tenant_id: UUID
    source: str
    filters: dict[str, Any]
    created_at: datetime
    created_by: str
    note: str
    room: int

    @property
    def selection(self) -> Selection:
        return Selection.from_json(self.source, self.filters)


@dataclass(frozen=True, slots=True)
class _Lane:
    endpoint_id: UUID
    position: UUID
    disabled: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """What a lane's turn found, and where the next one begins."""

    position: UUID
    done: bool
    deliveries: list[UUID] = field(default_factory=list)
    events: list[UUID] = field(default_factory=list)
    #: Deliveries whose payload is gone: they are passed by, and their letters stay open.
    gone: int = 0


async def take_up(connection: Connection) -> TakenUp:
    """Take up portions of all running jobs, for at most ROUND seconds.

    Any number of processes may do so at once; each job is one process' at a time.
    """
    cursor = await connection.execute(RUNNING)
    jobs = [row[0] for row in await cursor.fetchall()]
    deliveries, until = 0, time.monotonic() + ROUND
    for job_id in jobs:
        while (taken := await _turn(connection, job_id)) is not None:
            deliveries += taken
            if time.monotonic() > until:
                return TakenUp(len(jobs), deliveries)
    return TakenUp(len(jobs), deliveries)


async def _turn(connection: Connection, job_id: UUID) -> int | None:
    """Take up a portion of a job; one whose rows somebody holds for long has its turn later."""
    try:
        return await _portion(connection, job_id)
    except LockNotAvailable:
        log.info("replay_busy")
        return None


async def _portion(connection: Connection, job_id: UUID) -> int | None:
    """Take up what one endpoint's turn yields; None if the job can take up nothing now."""
    async with connection.transaction():
        free = await _row(connection, LOCK, [job_id])
        if free is None or not free[0]:
            return None
        found = await _row(
            connection, JOB, {"job": job_id, "portion": PORTION, "untried": JOB_UNTRIED}
        )
        job = _Job(*found) if found else None
        if job is None or job.room <= 0:
            return None
        turn = await _row(connection, LANE, {"job": job_id, "untried": LANE_UNTRIED})
        if turn is None:
            return None
        return await _advance(connection, job, _Lane(*turn))


async def _advance(connection: Connection, job: _Job, lane: _Lane) -> int:
    """Re-open the next deliveries of a lane, and write down how far it has come."""
    step = await _step(connection, job, lane)
    queued, unsent = 0, step.gone
    if lane.disabled:
        unsent += len(step.deliveries)
    elif step.deliveries:
        queued = await _open(connection, job, lane, step)
    at = {"job": job.id, "endpoint": lane.endpoint_id, "position": step.position}
    await connection.execute(MOVE_LANE, {**at, "done": step.done})
    await connection.execute(COUNT, {"job": job.id, "queued": queued, "unsent": unsent})
    return queued


async def _step(connection: Connection, job: _Job, lane: _Lane) -> _Step:
    """Find the next deliveries of a lane: first those that wait for a retry, where wanted."""
    if lane.deleted:
        return _Step(lane.position, done=True)
    selection = job.selection
    values = {
        **selection.parameters(job.tenant_id, job.created_at),
        "endpoint": lane.endpoint_id,
        "position": lane.position,
        "scan": SCAN,
        "room": job.room,
    }
    waiting = None if lane.disabled else selection.waiting()
    if waiting is not None:
        cursor = await connection.execute(waiting, values, prepare=False)
        if found := await cursor.fetchall():
            # They have a job from now on, and are not found again.
            deliveries, events = map(list, zip(*found, strict=True))
            return _Step(lane.position, False, deliveries, events)
    portion = PORTION_OF_LANE.format(scan=selection.scan())
    # Not prepared: a generic plan would have to open every day's partition.
    row = await _row(connection, portion, values, prepare=False)
    position, done, deliveries, events, gone = row or (lane.position, True, None, None, 0)
    return _Step(position, done, deliveries or [], events or [], gone)


async def _open(connection: Connection, job: _Job, lane: _Lane, step: _Step) -> int:
    """Put deliveries into the queue and decide their letters; return how many there were."""
    values = reopening(
        job=job.id,
        tenant=job.tenant_id,
        endpoint=lane.endpoint_id,
        deliveries=step.deliveries,
        events=step.events,
        decided_by=job.created_by,
        note=job.note,
        makes_new=job.source == Replay.Source.MISSING,
    )
    row = await _row(connection, REOPEN, values, prepare=False)
    return int(row[0]) if row else 0


async def _row(
    connection: Connection, query: bytes | str, values: Any, *, prepare: bool | None = None
) -> TupleRow | None:
    return await (await connection.execute(query, values, prepare=prepare)).fetchone()
