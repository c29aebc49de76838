"""Drills about what a claim costs: neither the queue's length nor who waits must change it."""

from itertools import pairwise

from dev.drills.filling import clone_endpoints, fill_due, fill_waiting
from dev.drills.history import claim_cost
from dev.drills.rig import Check, Platform, Rig

_SLOTS = 256
_LANES = 100
_DEARER_AT_MOST = 1.2
#: How often the queue is filled ten times as full as before.
_STEPS, _STEPS_SHORT = 3, 1
_DUE = 2_000
#: Rows of each lane that waits.
_WAITING = 5
_PAGES_A_LANE = 0.5


def claims(rig: Rig, rows: int) -> list[Check]:
    """From ten thousand to ten million due deliveries in 100 lanes: a claim costs the same."""
    costs = _grown(rig, rows, _STEPS)
    *_, most, again = costs
    times = 2 * most["median"] / (costs[0]["median"] + again["median"])
    return [
        *_shown(rows, costs),
        Check("times", round(times, 2), times <= _DEARER_AT_MOST),
    ]


def claims_short(rig: Rig, rows: int) -> list[Check]:
    """As `claims`, judged by what a claim reads: a busy machine's clock proves nothing."""
    costs = _grown(rig, rows, _STEPS_SHORT)
    times = costs[-2]["pages"] / costs[0]["pages"]
    return [*_shown(rows, costs), Check("times", round(times, 2), times <= _DEARER_AT_MOST)]


def _grown(rig: Rig, rows: int, steps: int) -> list[dict[str, float]]:
    """Return what a claim costs in a queue ten times as long with each step, and as short again."""
    with rig.platform(workers=0, beats=0) as platform:
        clone_endpoints(platform, _LANES)
        sizes = [rows // 10**step for step in range(steps, -1, -1)]
        added = [size - before for before, size in pairwise([0, *sizes])]
        costs = [_filled_cost(platform, count) for count in added]
        platform.query("TRUNCATE open_delivery")
        return [*costs, _filled_cost(platform, sizes[0])]


def _filled_cost(platform: Platform, count: int) -> dict[str, float]:
    fill_due(platform, count, first=1, lanes=_LANES)
    return _cost(platform)


def _cost(platform: Platform) -> dict[str, float]:
    return claim_cost(platform, _SLOTS)


def _shown(rows: int, costs: list[dict[str, float]]) -> list[Check]:
    return [
        Check("rows", rows, True),
        Check("median ms", [round(cost["median"], 2) for cost in costs], True),
        Check("p99 ms", [round(cost["p99"], 1) for cost in costs], True),
        Check("pages", [round(cost["pages"]) for cost in costs], True),
    ]


def waiting(rig: Rig, lanes: int) -> list[Check]:
    """Twenty thousand lanes wait for later and one has work: a claim does not notice."""
    alone, beside = _beside_waiting(rig, lanes)
    dearer = (beside["pages"] - alone["pages"]) / lanes
    return [
        Check("lanes", lanes, True),
        Check("median ms", [round(cost["median"], 2) for cost in (alone, beside)], True),
        Check("p99 ms", [round(cost["p99"], 1) for cost in (alone, beside)], True),
        Check("pages", [round(cost["pages"]) for cost in (alone, beside)], True),
        Check("pages a lane", round(dearer, 3), dearer <= _PAGES_A_LANE),
    ]


def _beside_waiting(rig: Rig, lanes: int) -> tuple[dict[str, float], dict[str, float]]:
    with rig.platform(workers=0, beats=0) as platform:
        clone_endpoints(platform, 1 + lanes)
        fill_due(platform, _DUE, first=1, lanes=1)
        alone = _cost(platform)
        fill_waiting(platform, lanes * _WAITING, first=2, lanes=lanes)
        return alone, _cost(platform)
