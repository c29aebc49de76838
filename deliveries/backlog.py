"""How much waits and for how long, read from the queue within a bounded time.

Read by the metrics page. Every count stops at COUNTED_AT_MOST: whether a million or ten million
deliveries wait is the same alarm.
"""

from dataclasses import dataclass

from django.db import connection, transaction

from deliveries import partitions
from webhooks_platform.lib import ids

STATEMENT_TIMEOUT_MS = 1000
COUNTED_AT_MOST = 1_000_000

# One probe of the index for each endpoint with open deliveries, as the claim does it. Endpoints
# that asked to be left alone are no backlog; what a person has asked for is due since the epoch.
READ = """
WITH RECURSIVE moment AS MATERIALIZED (SELECT clock_timestamp() AS now),
lane AS (
    (SELECT endpoint_id FROM open_delivery ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT endpoint_id FROM open_delivery WHERE endpoint_id > lane.endpoint_id
            ORDER BY endpoint_id LIMIT 1)
    FROM lane WHERE lane.endpoint_id IS NOT NULL
),
ready AS (
    SELECT lane.endpoint_id FROM lane CROSS JOIN moment
    LEFT JOIN endpoint_health h ON h.endpoint_id = lane.endpoint_id
    WHERE lane.endpoint_id IS NOT NULL
      AND (h.paused_until IS NULL OR h.paused_until <= moment.now)
),
due AS (
    SELECT FROM moment CROSS JOIN ready JOIN open_delivery d ON d.endpoint_id = ready.endpoint_id
    WHERE d.next_attempt_at <= moment.now AND d.lease_id IS NULL LIMIT %(most)s
),
oldest AS (
    SELECT min(head.next_attempt_at) AS at FROM moment CROSS JOIN ready, LATERAL (
        SELECT next_attempt_at FROM open_delivery d
        WHERE d.endpoint_id = ready.endpoint_id AND d.lease_id IS NULL
          AND d.next_attempt_at > %(at_once)s AND d.next_attempt_at <= moment.now
        ORDER BY next_attempt_at LIMIT 1) head
),
letter AS (SELECT FROM dead_letter WHERE decision IS NULL LIMIT %(most)s)
SELECT (SELECT count(*) FROM due),
       (SELECT coalesce(extract(epoch FROM now - at), 0) FROM moment, oldest),
       (SELECT count(*) FROM letter),
       (SELECT count(*) FROM replay WHERE state = 'running' AND source <> 'resend'),
       (SELECT coalesce(extract(epoch FROM greatest(now - min(expires_at), '0')), 0)
        FROM moment, lease GROUP BY now)
"""


@dataclass(frozen=True)
class Backlog:
    """Numbers for the operator; ages in seconds, 0 when nothing waits."""

    due: int
    oldest_due_seconds: float
    open_dead_letters: int
    #: Jobs that still have something to take up or to wait for.
    running_replays: int
    #: How long the oldest expired lease has been waiting for a sweep.
    oldest_expired_lease_seconds: float
    #: Days after today whose partition exists, in all three tables.
    partition_days_ahead: int
    #: Whether rows lie in a DEFAULT partition.
    default_partition_used: bool


def read() -> Backlog:
    """Read the numbers; raises OperationalError if that takes over a second."""
    with transaction.atomic(), connection.cursor() as cursor:
        timeout = [str(STATEMENT_TIMEOUT_MS)]
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", timeout)
        cursor.execute(READ, {"most": COUNTED_AT_MOST, "at_once": ids.EPOCH})
        due, oldest, letters, replays, lease = cursor.fetchone()
        return Backlog(
            due=due,
            oldest_due_seconds=float(oldest),
            open_dead_letters=letters,
            running_replays=replays,
            oldest_expired_lease_seconds=float(lease or 0),
            partition_days_ahead=partitions.days_ahead(cursor),
            default_partition_used=partitions.default_is_used(cursor),
        )
