"""Count what has ended into the replays that asked for it: part of every statement that settles.

Used by the recording step and by closing.py, so that a replay's numbers are committed together
with the deliveries they are about.
"""

from deliveries.models import Replay

RUNNING = f"'{Replay.State.RUNNING}'"
FINISHED = f"'{Replay.State.FINISHED}'"

# Reads the rows of `ending` (id of the replay, whether it was delivered). Replays are locked in
# one order, and after the deliveries, as everywhere. A job that was paused when its last delivery
# ended is finished when somebody resumes it.
COUNT_ENDED = f"""
tally AS MATERIALIZED (
    SELECT r.id, c.rows, c.good,
           r.taken_up AND r.queued <= c.rows AND r.state = {RUNNING} AS ends
    FROM replay r JOIN (
        SELECT id, count(*) AS rows, count(*) FILTER (WHERE delivered) AS good
        FROM ending GROUP BY id) c USING (id)
    ORDER BY r.id FOR NO KEY UPDATE OF r
),
counted AS (
    UPDATE replay r
    SET queued = r.queued - t.rows, delivered = r.delivered + t.good,
        failed = r.failed + t.rows - t.good,
        total = CASE WHEN t.ends THEN r.delivered + r.failed + t.rows ELSE r.total END,
        state = CASE WHEN t.ends THEN {FINISHED} ELSE r.state END,
        finished_at = CASE WHEN t.ends THEN clock_timestamp() ELSE r.finished_at END
    FROM tally t WHERE r.id = t.id
)
"""
