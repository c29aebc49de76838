"""Attempts that held a slot without an answer: counted, they open an endpoint's breaker.

Part of recording. HTTP statuses are answers and close it; a failure of the platform says nothing.
"""

from collections import Counter
from collections.abc import Sequence

from deliveries.error_kinds import HOLDS_SLOT, OURS
from deliveries.outcome import Outcome, Verdict
from endpoints.breaker import DOUBLINGS, FIRST_PAUSE, LONGEST_PAUSE, OPENS_AT
from webhooks_platform.lib.database import Connection

_OURS = ", ".join(f"'{kind}'" for kind in sorted(OURS))
_HOLDING = ", ".join(f"'{kind}'" for kind in sorted(HOLDS_SLOT))

#: Common table expressions of the recording statement. Whatever was answered ends the stalls and
#: the breaker's pause, only a delivery ends the exhaustion. A probe that said nothing of the
#: endpoint (nothing was sent, or it failed by a fault of ours) leaves its turn to the next.
RECOVERED = f"""
recovering AS MATERIALIZED (
    SELECT endpoint_id,
           endpoint_id IN (SELECT endpoint_id FROM judged
                           WHERE verdict = {Verdict.DELIVERED}) AS delivered,
           endpoint_id IN (SELECT endpoint_id FROM judged WHERE attempt IS NOT NULL
                           AND (error IS NULL OR error NOT IN ({_HOLDING}, {_OURS}))) AS answered
    FROM endpoint_health
    WHERE (first_exhausted_at IS NOT NULL OR consecutive_stalls > 0)
      AND endpoint_id IN (SELECT endpoint_id FROM judged
                          WHERE attempt IS NULL OR error IS NULL OR error NOT IN ({_HOLDING}))
    ORDER BY endpoint_id FOR NO KEY UPDATE
),
recovered AS (
    UPDATE endpoint_health h
    SET first_exhausted_at = CASE WHEN NOT delivered THEN first_exhausted_at END,
        consecutive_stalls = CASE WHEN answered THEN 0 ELSE consecutive_stalls END,
        probe_id = NULL,
        paused_until = CASE WHEN NOT answered THEN least(paused_until, clock_timestamp())
                            WHEN consecutive_stalls < {OPENS_AT} THEN paused_until END
    FROM recovering r
    WHERE h.endpoint_id = r.endpoint_id
      AND (answered OR h.probe_id IN (SELECT id FROM judged
                                      WHERE attempt IS NULL OR error IN ({_OURS})))
)
"""

# An attempt that ends while the breaker is open was begun before, or by hand: what it says is
# known. While it is half open the probe alone counts, and lengthens the pause.
_PAUSE = f"""
clock_timestamp() + interval '1 second' * least({LONGEST_PAUSE}, {FIRST_PAUSE}
    * 2 ^ least(greatest(h.consecutive_stalls - {OPENS_AT} + 1, 0), {DOUBLINGS}))
"""
COUNT = f"""
INSERT INTO endpoint_health AS h (endpoint_id, consecutive_stalls, paused_until)
SELECT endpoint_id, least(stalls, {OPENS_AT}),
       CASE WHEN stalls >= {OPENS_AT}
            THEN clock_timestamp() + {FIRST_PAUSE} * interval '1 second' END
FROM unnest(%(endpoints)s::uuid[], %(stalls)s::int[]) AS stalled(endpoint_id, stalls)
ORDER BY endpoint_id
ON CONFLICT (endpoint_id) DO UPDATE
SET consecutive_stalls = CASE
        WHEN h.consecutive_stalls >= {OPENS_AT} THEN h.consecutive_stalls + 1
        ELSE least(h.consecutive_stalls + EXCLUDED.consecutive_stalls, {OPENS_AT}) END,
    paused_until = CASE
        WHEN h.consecutive_stalls >= {OPENS_AT} THEN {_PAUSE.strip()}
        WHEN h.consecutive_stalls + EXCLUDED.consecutive_stalls < {OPENS_AT} THEN h.paused_until
        ELSE greatest(h.paused_until, {_PAUSE.strip()}) END,
    probe_id = NULL
WHERE h.consecutive_stalls < {OPENS_AT} OR h.probe_id = ANY (%(deliveries)s)
"""


def is_stall(outcome: Outcome) -> bool:
    """Return whether an attempt was made that held a slot and got no answer."""
    return outcome.request is not None and outcome.request.error_kind in HOLDS_SLOT


async def count(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Count the stalls of a recorded batch; an endpoint that also answered in it has none."""
    answered = {o.delivery.endpoint_id for o in outcomes if _is_answer(o)}
    stalled = [o.delivery for o in outcomes if is_stall(o)]
    stalls = Counter(d.endpoint_id for d in stalled if d.endpoint_id not in answered)
    if stalls:
        values = {
            "endpoints": list(stalls),
            "stalls": list(stalls.values()),
            "deliveries": [delivery.id for delivery in stalled],
        }
        await connection.execute(COUNT, values)


def _is_answer(outcome: Outcome) -> bool:
    request = outcome.request
    return request is not None and request.error_kind not in HOLDS_SLOT | OURS
