"""Drills about PostgreSQL: it goes away under load, and a day has no partition."""

import time
from datetime import UTC, datetime, timedelta

import psycopg

from dev.drills.rig import Check, Platform, Rig, wait_for
from webhooks_platform.lib import ids

_PER_SECOND = 50.0
_RECOVERED_WITHIN = 10.0
_TABLES = ("event", "settled_delivery", "attempt")


def postgres_restart(rig: Rig, restarts: int) -> list[Check]:
    """PostgreSQL is killed and started again under load: no 202 is lost, nothing is restarted."""
    with rig.platform(workers=1, beats=0) as platform:
        pids = _pids(platform)
        with platform.load(_PER_SECOND):
            gaps = [_restart(platform) for _ in range(restarts)]
        platform.wait_settled(within=60)
        stored = platform.count("event")
        return [
            *platform.ledger(),
            Check("events stored", stored, stored >= len(platform.acked)),
            Check("refused", dict(platform.refused), set(platform.refused) <= {503}),
            Check("same processes", _pids(platform) == pids, _pids(platform) == pids),
            Check("recovered s", round(max(gaps), 1), max(gaps) <= _RECOVERED_WITHIN),
        ]


def _restart(platform: Platform) -> float:
    """Kill PostgreSQL and start it; return the seconds from its start to the next delivery."""
    time.sleep(1.0)
    platform.stores.postgres.kill()
    time.sleep(0.5)
    platform.stores.postgres.start()
    up, before = time.monotonic(), len(platform.acked)
    wait_for("202 after the restart", lambda: len(platform.acked) > before, within=30)
    last = platform.acked[-1]
    wait_for("delivery", lambda: last in platform.receiver.by_event, within=30)
    return time.monotonic() - up


def _pids(platform: Platform) -> list[int]:
    return [platform.services.api.pid, *[worker.pid for worker in platform.services.workers]]


def midnight(rig: Rig, events: int) -> list[Check]:
    """Events across a midnight whose next day has no partition: all deliver, DEFAULT is emptied."""
    with rig.platform(workers=1, beats=0) as platform:
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        midnight_at = day + timedelta(days=1)
        for table in _TABLES:
            platform.query(f"DROP TABLE {table}_{midnight_at:%Y%m%d}")
        made = _publish_across(platform, midnight_at, events)
        platform.wait_settled(within=60)
        misplaced = _in_default(platform)
        platform.services.manage("upkeep")
        left = _in_default(platform)
        arrived = len(set(platform.receiver.by_event) & made)
        return [
            Check("delivered", arrived, arrived == events),
            Check("were in DEFAULT", misplaced, misplaced > 0),
            Check("left in DEFAULT", left, left == 0),
            Check("settled", platform.count("settled_delivery"), True),
        ]


def _publish_across(platform: Platform, midnight_at: datetime, events: int) -> set[str]:
    """Store events as a publish does, a millisecond apart, half of them after midnight."""
    tenant, organization, endpoint = platform.query(
        "SELECT t.id, t.organization_id, e.id FROM endpoint e JOIN tenant t ON t.id = e.tenant_id"
    )[0]
    start = midnight_at - timedelta(milliseconds=events // 2)
    made = [ids.first_at(start + timedelta(milliseconds=n)) for n in range(events)]
    with psycopg.connect(platform.database_url) as connection:
        connection.execute(
            "INSERT INTO event (id, organization_id, tenant_id, event_type, payload) "
            "SELECT id, %s, %s, 'drill.event', '{}' FROM unnest(%s::uuid[]) AS id",
            [organization, tenant, made],
        )
        connection.execute(
            "INSERT INTO open_delivery (id, event_id, endpoint_id, tenant_id, status, attempts, "
            "next_attempt_at, wait, trigger, charged, faults, lost, manual_requested) "
            "SELECT delivery_id(id, %s), id, %s, %s, 1, 0, clock_timestamp(), 0, 0, 0, 0, 0, false "
            "FROM unnest(%s::uuid[]) AS id",
            [endpoint, endpoint, tenant, made],
        )
    return {ids.to_text(ids.EVENT, event) for event in made}


def _in_default(platform: Platform) -> int:
    return sum(platform.count(f"{table}_default") for table in _TABLES)
