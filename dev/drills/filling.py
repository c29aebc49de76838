"""Fill the queue as publishes and failed attempts would have, by a few statements for millions."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from dev.drills.rig import Platform, made

_AT_ONCE = 4
#: Bytes of a payload, about.
_PAYLOAD = 400

# An endpoint without secrets: deliveries to it can be claimed, but not sent.
_CLONE = """
INSERT INTO endpoint
SELECT (jsonb_populate_record(e, jsonb_build_object('id', uuidv7()))).*
FROM (SELECT endpoint AS e FROM endpoint LIMIT 1) one, generate_series(1, %s)
"""
# The lanes get their rows in turn. Due times are a tenth of a millisecond apart.
_ROWS = """
WITH lane AS MATERIALIZED (
    SELECT e.id, e.tenant_id, t.organization_id, row_number() OVER (ORDER BY e.id) - 1 AS number
    FROM endpoint e JOIN tenant t ON t.id = e.tenant_id ORDER BY e.id OFFSET %s LIMIT %s
),
row AS (
    SELECT n, uuidv7() AS event_id, lane.*
    FROM generate_series(0, %s - 1) AS n
    JOIN lane ON lane.number = (SELECT min(number) FROM lane) + n %% (SELECT count(*) FROM lane)
)
"""
_EVENTS = """,
events AS (
    INSERT INTO event (id, organization_id, tenant_id, event_type, payload)
    SELECT event_id, organization_id, tenant_id, 'drill.event',
           convert_to(format('{"text": "%%s"}', repeat('x', %s)), 'UTF8') FROM row
)
"""
_QUEUE = """
INSERT INTO open_delivery (id, event_id, endpoint_id, tenant_id, status, attempts, next_attempt_at,
                           wait, trigger, charged, faults, lost, manual_requested)
SELECT delivery_id(event_id, id), event_id, id, tenant_id, 1, 0,
       clock_timestamp() + (%s + n / 10000.0) * interval '1 second', 0, 0, 0, 0, 0, false
FROM row
"""
_HOUR = 3600.0


def clone_endpoints(platform: Platform, count: int) -> None:
    """Make so many more endpoints of the one tenant there is; nothing can be sent to them."""
    platform.query(_CLONE, count)
    platform.query("VACUUM ANALYZE endpoint")


def make_endpoints(platform: Platform, url: str, *, tenants: int, each: int) -> None:
    """Make tenants with so many endpoints each, over the API."""
    with platform.client() as client, ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda _: _make_tenant(client, url, each), range(tenants)))


def _make_tenant(client: httpx.Client, url: str, endpoints: int) -> None:
    app = made(client.post("/api/v1/app", json={"name": "drill"}))
    for _ in range(endpoints):
        made(client.post(f"/api/v1/app/{app}/endpoint", json={"url": url}))


def fill_waiting(platform: Platform, count: int, *, first: int, lanes: int) -> None:
    """Add deliveries, without events, that are due in an hour."""
    platform.query(_ROWS + _QUEUE, first, lanes, count, _HOUR)


def fill_due(platform: Platform, count: int, *, first: int, lanes: int) -> None:
    """Add deliveries, without events, that have been due for an hour; they cannot be sent."""
    platform.query(_ROWS + _QUEUE, first, lanes, count, -_HOUR)


def fill(platform: Platform, count: int, *, first: int, lanes: int) -> None:
    """Add events of their own and deliveries that are due, to `lanes` endpoints by order of id."""
    platform.query(_ROWS + _EVENTS + _QUEUE, first, lanes, count, _PAYLOAD, -_HOUR)
