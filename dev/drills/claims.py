"""Drills about what a claim costs: neither the queue's length nor who waits must change it."""

from dev.drills.filling import clone_endpoints, fill_due
from dev.drills.history import claim_cost
from dev.drills.rig import Check, Platform, Rig

_SLOTS = 256
_LANES = 100
_DEARER_AT_MOST = 1.2
#: How often the queue is filled ten times as full as before.
_STEPS, _STEPS_SHORT = 3, 1


def claims(rig: Rig, rows: int) -> list[Check]:
    """From ten thousand to ten million due deliveries in 100 lanes: a claim costs the same."""
    costs = _grown(rig, rows, _STEPS)
    times = costs[-1]["median"] / costs[0]["median"]
    return [
        *_shown(rows, costs),
        Check("times", round(times, 2), times <= _DEARER_AT_MOST),
    ]


def claims_short(rig: Rig, rows: int) -> list[Check]:
    """As `claims`, judged by what a claim reads: a busy machine's clock proves nothing."""
    costs = _grown(rig, rows, _STEPS_SHORT)
    times = costs[-1]["pages"] / costs[0]["pages"]
    return [*_shown(rows, costs), Check("times", round(times, 2), times <= _DEARER_AT_MOST)]


def _grown(rig: Rig, rows: int, steps: int) -> list[dict[str, float]]:
    """Return what a claim costs in a queue that becomes ten times as long with each step."""
    with rig.platform(workers=0, beats=0) as platform:
        clone_endpoints(platform, _LANES)
        filled, costs = 0, []
        for step in range(steps, -1, -1):
            size = rows // 10**step
            fill_due(platform, size - filled, first=1, lanes=_LANES)
            filled = size
            costs.append(_steady_cost(platform))
        return costs


def _steady_cost(platform: Platform) -> dict[str, float]:
    return claim_cost(platform, _SLOTS)


def _shown(rows: int, costs: list[dict[str, float]]) -> list[Check]:
    return [
        Check("rows", rows, True),
        Check("median ms", [round(cost["median"], 2) for cost in costs], True),
        Check("p99 ms", [round(cost["p99"], 1) for cost in costs], True),
        Check("pages", [round(cost["pages"]) for cost in costs], True),
    ]
