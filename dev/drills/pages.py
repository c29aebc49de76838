"""A drill about the API's lists: every page is quick, however long the history behind it."""

import statistics
import time
from http import HTTPStatus

import httpx

from dev.drills.history import make_history
from dev.drills.rig import Check, DrillError, Platform, Rig

#: Milliseconds for one page, the median of some.
_SLOWEST_PAGE = 50.0
_TIMES = 5
_MIDDLE = "SELECT id FROM event ORDER BY id OFFSET (SELECT count(*) / 2 FROM event) LIMIT 1"
# Filters that most rows pass, and filters that none does.
_EVENTS = ("", "event_types=drill.event", "event_types=none", "channel=none", "tag=none")
_ATTEMPTS = (
    *_EVENTS, "status=0", "status=2", "status_code_class=200", "status_code_class=500",
    "with_content=false",
)  # fmt: skip
_ATTEMPTED = (*_EVENTS, "status=0", "status=2", "with_content=false")


def pages(rig: Rig, settled: int) -> list[Check]:
    """Any page of the API's lists over millions of events takes at most 50 ms."""
    timed = _measure(rig, settled)
    slowest = max(timed, key=lambda path: timed[path])
    return [
        Check("settled", settled, True),
        Check("pages", len(timed), True),
        Check("slowest", slowest, True),
        Check("ms", round(timed[slowest], 1), timed[slowest] <= _SLOWEST_PAGE),
    ]


def pages_short(rig: Rig, settled: int) -> list[Check]:
    """As `pages`, but not timed: a busy machine's clock proves nothing."""
    return [Check("pages", len(_measure(rig, settled)), True)]


def _measure(rig: Rig, settled: int) -> dict[str, float]:
    """Return each page's milliseconds; fail if one is not answered with 200."""
    with rig.platform(workers=0, beats=0) as platform:
        platform.publish(100)
        make_history(platform, settled)
        platform.query("VACUUM ANALYZE")
        with platform.client() as client:
            return {path: _timed(client, path) for path in _paths(platform, client)}


def _paths(platform: Platform, client: httpx.Client) -> list[str]:
    app = f"/api/v1/app/{platform.app}"
    endpoint = client.get(f"{app}/endpoint").json()["data"][0]["id"]
    middle = client.get(f"{app}/msg", params={"limit": 1, "before": _middle(platform)}).json()
    iterator = middle["iterator"]
    lists = [
        *((f"{app}/msg", wanted) for wanted in _EVENTS),
        *((f"{app}/attempt/endpoint/{endpoint}", wanted) for wanted in _ATTEMPTS),
        *((f"{app}/endpoint/{endpoint}/msg", wanted) for wanted in _ATTEMPTED),
        (f"{app}/attempt/msg/{iterator}", ""), (f"{app}/msg/{iterator}/endpoint", ""),
        ("/api/v1/dead-letter", "decision=all"), ("/api/v1/app", ""), ("/api/v1/event-type", ""),
    ]  # fmt: skip
    older = [(path, f"{wanted}&before={_middle(platform)}") for path, wanted in lists]
    return [f"{path}?limit=50&{wanted}" for path, wanted in [*lists, *older]]


def _middle(platform: Platform) -> str:
    """Return the time in the middle of the history, as RFC 3339."""
    (event_id,) = platform.query(_MIDDLE)[0]
    when = time.gmtime((event_id.int >> 80) / 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", when)


def _timed(client: httpx.Client, path: str) -> float:
    return statistics.median(_once(client, path) for _ in range(_TIMES))


def _once(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    if answer.status_code != HTTPStatus.OK:
        raise DrillError(f"{path} answered {answer.status_code}")
    return (time.perf_counter() - began) * 1000
