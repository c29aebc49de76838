"""Drills about what people look at: metrics that equal the database, lists over a long history."""

import re
import time
from http import HTTPStatus

import httpx

from dev.drills.history import make_history
from dev.drills.rig import Check, DrillError, Platform, Rig

_SLOWEST_LIST = 1.0
_FAILING_EVERY = 10
_LISTS = (
    "event/", "delivery/", "delivery/?status=delivered", "delivery/?status=dead", "attempt/",
    "attempt/?outcome=failure", "deadletter/", "deadletter/?decision=all", "deadletter/summary/",
    "deadletter/replay/", "replay/",
)  # fmt: skip


def metrics(rig: Rig, events: int) -> list[Check]:
    """Three worker processes deliver; what /metrics has counted is what the database holds."""
    settings = {"WEBHOOKS_RETRY_SCHEDULE": "0.2"}
    with rig.platform(settings, workers=1, worker_processes=3, beats=0) as platform:
        platform.receiver.failing_every = _FAILING_EVERY
        platform.publish(events)
        platform.wait_settled(within=180)
        shown = _scrape(platform)
        stored = {
            "webhook_events_accepted_total": platform.count("event"),
            "webhook_delivery_attempts_total": platform.count("attempt"),
            "webhook_delivery_duration_seconds_count": platform.count("attempt"),
            "webhook_end_to_end_seconds_count": platform.count("settled_delivery WHERE status = 3"),
            "webhook_dlq_size": platform.count("dead_letter WHERE decision IS NULL"),
            "webhook_due_deliveries": 0,
            "webhook_replays_running": 0,
            "webhook_deliveries_in_flight": 0,
        }
        return [
            *platform.ledger(),
            *[
                Check(name, [shown.get(name), count], shown.get(name) == count)
                for name, count in stored.items()
            ],
        ]


def _scrape(platform: Platform) -> dict[str, float]:
    """Return each metric's sum over its labels."""
    text = httpx.get(f"{platform.services.url}/metrics", timeout=30).text
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? ([0-9.e+-]+)$", text, re.MULTILINE):
        found[name] = found.get(name, 0) + float(value)
    return found


def lists(rig: Rig, settled: int) -> list[Check]:
    """The admin's lists stay quick over ninety days and a million settled deliveries."""
    with rig.platform(workers=0, beats=0) as platform:
        platform.publish(100)
        make_history(platform, settled)
        platform.query("ANALYZE")
        with httpx.Client(base_url=platform.services.url, timeout=60) as client:
            _sign_in(platform, client)
            seconds = {path: _timed(client, path) for path in _LISTS}
        slowest = max(seconds, key=lambda path: seconds[path])
        return [
            Check("settled", platform.count("settled_delivery"), True),
            Check("lists", len(seconds), True),
            Check("slowest", slowest, True),
            Check("seconds", round(seconds[slowest], 2), seconds[slowest] <= _SLOWEST_LIST),
        ]


def _sign_in(platform: Platform, client: httpx.Client) -> None:
    password = platform.services.manage("create_staff_user", "admin", "--operator")
    client.get("/admin/login/")
    token = client.cookies["csrftoken"]
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
    answer = client.post("/admin/login/", data=form)
    if answer.status_code != HTTPStatus.FOUND:
        raise DrillError(f"signing in answered {answer.status_code}")


def _timed(client: httpx.Client, path: str) -> float:
    began = time.monotonic()
    answer = client.get(f"/admin/deliveries/{path}")
    if answer.status_code != HTTPStatus.OK:
        raise DrillError(f"{path} answered {answer.status_code}")
    return time.monotonic() - began
