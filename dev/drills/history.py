"""A drill about history: months of settled deliveries must not make a claim dearer."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from dev.drills.rig import Check, DrillError, Platform, Rig
from dev.services import CHECKOUT
from webhooks_platform.lib import ids

_DAYS = 90
_DUE = 300
_DEARER_AT_MOST = 1.2
_TABLES = ("event", "settled_delivery", "attempt")
_FILL = """
WITH made AS (
    SELECT overlay(overlay(md5(n::text)
        placing lpad(to_hex(%s::bigint + n * %s::bigint / %s), 12, '0') from 1 for 12)
        placing '7' from 13 for 1)::uuid AS event_id
    FROM generate_series(0, %s - 1) AS n
),
events AS (
    INSERT INTO event (id, organization_id, tenant_id, event_type, payload)
    SELECT event_id, t.organization_id, t.id, 'drill.event', '{}' FROM made, tenant t
),
tried AS (
    INSERT INTO attempt (id, delivery_id, event_id, endpoint_id, tenant_id, number, trigger,
                         duration_ms, status_code, url, response)
    SELECT overlay(event_id::text placing right(gen_random_uuid()::text, 12) from 25)::uuid,
           delivery_id(event_id, e.id), event_id, e.id, e.tenant_id, 1, 0, 5, 200, e.url, 'ok'
    FROM made, endpoint e
)
INSERT INTO settled_delivery (id, event_id, endpoint_id, tenant_id, status, attempts,
                              last_status_code, settled_at)
SELECT delivery_id(event_id, e.id), event_id, e.id, e.tenant_id, 3, 1, 200, now()
FROM made, endpoint e
"""


def history(rig: Rig, settled: int) -> list[Check]:
    """Ninety days of partitions and a million settled deliveries: a claim costs the same."""
    with rig.platform(workers=0, beats=0) as platform:
        platform.publish(_DUE)
        empty = claim_cost(platform)
        make_history(platform, settled)
        full = claim_cost(platform)
        days = platform.query(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"
        )
        dearer = full["milliseconds"] / empty["milliseconds"]
        return [
            Check("settled", platform.count("settled_delivery"), True),
            Check("partitions of a table", days[0][0], days[0][0] >= _DAYS),
            Check("pages a claim", [empty["pages"], full["pages"]], _same(empty, full, "pages")),
            Check("ms a claim", [_shown(empty), _shown(full)], True),
            Check("times", round(dearer, 2), dearer <= _DEARER_AT_MOST),
        ]


def history_short(rig: Rig, settled: int) -> list[Check]:
    """As `history`, judged by what a claim reads: a busy machine's clock proves nothing."""
    return [check for check in history(rig, settled) if check.name != "times"]


def _same(empty: dict[str, float], full: dict[str, float], name: str) -> bool:
    return full[name] <= empty[name] * _DEARER_AT_MOST


def _shown(cost: dict[str, float]) -> float:
    return round(cost["milliseconds"], 2)


def claim_cost(platform: Platform, slots: int = 50) -> dict[str, float]:
    """Measure in a process of its own, which has the platform's settings."""
    platform.query("VACUUM ANALYZE")
    finished = subprocess.run(  # noqa: S603  Our own program.
        [sys.executable, "-m", "dev.drills.claim_cost", str(slots)],
        cwd=CHECKOUT,
        env=platform.services.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise DrillError(f"claims could not be measured: {finished.stderr.strip()}")
    cost: dict[str, float] = json.loads(finished.stdout)
    return cost


def make_history(platform: Platform, settled: int) -> None:
    """Add the days before today; spread so many events, deliveries and attempts over them."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for table in _TABLES:
        platform.query(f"DROP TABLE {table}_past")
        for day in (today - timedelta(days=ago) for ago in range(_DAYS, 0, -1)):
            low, high = ids.first_at(day), ids.first_at(day + timedelta(days=1))
            platform.query(
                f"CREATE TABLE {table}_{day:%Y%m%d} PARTITION OF {table} "
                f"FOR VALUES FROM ('{low}') TO ('{high}')"
            )
    first = int((today - timedelta(days=_DAYS)).timestamp() * 1000)
    platform.query(_FILL, first, _DAYS * 86_400_000, settled, settled)
