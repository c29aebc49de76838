"""`make gameday`: rehearse failures on private stores, and say PASS or FAIL with the figures.

`python -m dev.gameday [--list] [--short] [--size N] [DRILL…]`; without names all drills run. The
status is 0 only if every one passed.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

from dev.arguments import positive
from dev.drills import (
    cells,
    claims,
    database,
    deaths,
    figures,
    hints,
    history,
    isolation,
    million,
    pages,
    replays,
    rotation,
    workers,
)
from dev.drills.rig import Check, Rig, rigged
from dev.errors import DevError
from dev.terminal import run, say


@dataclass(frozen=True)
class Drill:
    """A drill with its sizes; what a size counts is the drill's own affair."""

    run: Callable[[Rig, int], list[Check]]
    full: int
    short: int
    run_short: Callable[[Rig, int], list[Check]] | None = None

    def rehearse(self, rig: Rig, *, short: bool, size: int | None = None) -> list[Check]:
        if short:
            return (self.run_short or self.run)(rig, size or self.short)
        return self.run(rig, size or self.full)


DRILLS = {
    "hints": Drill(hints.hints, 2000, 150),
    "no-redis": Drill(hints.no_redis, 1000, 100),
    "slow-receiver": Drill(hints.slow_receiver, 1000, 400),
    "kill": Drill(deaths.kill, 200, 60, deaths.kill_short),
    "sigterm": Drill(deaths.sigterm, 3, 1),
    "keys": Drill(rotation.keys, 10_000, 300),
    "midnight": Drill(database.midnight, 1000, 100),
    "history": Drill(history.history, 1_000_000, 5_000, history.history_short),
    "hanging": Drill(isolation.hanging, 200, 10, isolation.hanging_short),
    "backlog": Drill(isolation.backlog, 100_000, 500, isolation.backlog_short),
    "dns": Drill(isolation.dns, 200, 10, isolation.dns_short),
    "drip": Drill(isolation.drip, 100, 5, isolation.drip_short),
    "claims": Drill(claims.claims, 10_000_000, 20_000, claims.claims_short),
    "waiting": Drill(claims.waiting, 20_000, 400),
    "million": Drill(million.million, 1_000_000, 3_000, million.million_short),
    "workers": Drill(workers.workers, 8_000, 160, workers.workers_short),
    "replay": Drill(replays.replay, 10_000, 240, replays.replay_short),
    "metrics": Drill(figures.metrics, 10_000, 300),
    "lists": Drill(figures.lists, 1_000_000, 5_000),
    "pages": Drill(pages.pages, 5_000_000, 3_000, pages.pages_short),
    "postgres-restart": Drill(database.postgres_restart, 5, 1),
    "cells": Drill(cells.cells, 1_000, 40),
}


def gameday() -> int:
    asked = _arguments()
    if asked.list:
        for name, drill in DRILLS.items():
            say(f"{name:<17} {drill.run.__doc__}")
        return 0
    say("starting   PostgreSQL and Redis; each drill then starts a platform of its own …")
    with rigged() as rig:
        passed = [_report(rig, name, asked) for name in asked.drills or DRILLS]
    return 0 if all(passed) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make gameday", description="Rehearse failures.")
    parser.add_argument("drills", nargs="*", metavar="DRILL", help=", ".join(DRILLS))
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--short", action="store_true", help="the sizes of the test suite")
    parser.add_argument("--size", type=positive, help="instead of a drill's own")
    asked = parser.parse_args()
    if unknown := set(asked.drills) - set(DRILLS):
        parser.error(f"no drill {', '.join(sorted(unknown))}")
    return asked


def _report(rig: Rig, name: str, asked: argparse.Namespace) -> bool:
    began = time.monotonic()
    try:
        checks = DRILLS[name].rehearse(rig, short=asked.short, size=asked.size)
    except DevError as error:
        checks = [Check("error", str(error), False)]
    passed = all(check.holds for check in checks)
    figures = "  ".join(
        f"{check.name} {check.value}{'' if check.holds else ' (!)'}" for check in checks
    )
    word = "PASS" if passed else "FAIL"
    say(f"{word}  {name:<17} {figures}  [{time.monotonic() - began:.0f} s]")
    return passed


if __name__ == "__main__":
    run(gameday)
