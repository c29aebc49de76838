"""`make bench`: start everything, publish, wait for the last arrival, and tell what it cost."""

import json
import sys
import time
from typing import Any

from dev.bench.figures import Figures, Run, costs_between, figures_of
from dev.bench.options import Options, read_options
from dev.bench.processor_time import families_spent
from dev.bench.publisher import Order, write_order
from dev.bench.report import lines_of, rows_of, write
from dev.bench.stage import APP, Stage, module_process, running_stage
from dev.bench.yardsticks import http_yardstick, sql_yardstick
from dev.terminal import run, say

#: Seconds without an arrival after which the rest counts as lost; a lease lasts less.
_PATIENCE = 120.0
_POLL = 0.1


def bench() -> int:
    options = read_options(sys.argv[1:])
    say("starting   PostgreSQL, Redis, API, worker, beat and a receiver …")
    with running_stage(options) as stage:
        say(f"services   ready; {options.endpoints} endpoints made through the API")
        rows = yardstick_rows(stage) if options.yardsticks else {}
        figures, measured = measure(stage, options)
    rows |= measured
    say("\n".join(lines_of(rows)))
    if options.write:
        write(rows, " ".join(["python -m dev.bench", *sys.argv[1:]]))
    return 1 if figures.lost or figures.duplicates or figures.refused else 0


def yardstick_rows(stage: Stage) -> dict[str, str]:
    return {"yardstick: sql": sql_yardstick(stage), "yardstick: http": http_yardstick(stage)}


def measure(stage: Stage, options: Options) -> tuple[Figures, dict[str, str]]:
    stage.database.prepare()
    before, first = families_spent(stage.pids()), stage.database.read()
    published = publish(stage, options)
    wait_for_arrivals(stage, len(published["accepted"]) * options.fan_out)
    after, last = families_spent(stage.pids()), stage.database.read()
    figures = figures_of(_run(stage, options, published))
    costs = costs_between(before, after, last.since(first))
    seconds = {**costs.cpu_seconds, "publisher": published["cpu_seconds"]}
    return figures, rows_of(figures, type(costs)(seconds, costs.peak_bytes, costs.database))


def publish(stage: Stage, options: Options) -> dict[str, Any]:
    """Run the publisher to its end and return what it wrote down."""
    order, result = stage.run_dir / "order.json", stage.run_dir / "published.json"
    write_order(_order(stage, options), order)
    arguments = [str(order), str(result)]
    publisher = module_process("publisher", arguments, stage.run_dir, stage.guardian)
    publisher.start()
    try:
        publisher.wait_for_success(within=3600)
    finally:
        publisher.stop()
    told: dict[str, Any] = json.loads(result.read_text())
    return told


def wait_for_arrivals(stage: Stage, expected: int) -> None:
    """Return when all came and all are recorded, or when nothing has come for two minutes."""
    seen, since = (-1, -1), time.monotonic()
    while (now := _progress(stage, expected)) != (expected, 0):
        stage.services.check()
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > _PATIENCE:
            return
        time.sleep(_POLL)


def _progress(stage: Stage, expected: int) -> tuple[int, int]:
    """Return how many came and, once all have, how many are not yet recorded as settled."""
    distinct = int(stage.ask_receiver("/counts")["distinct"])
    return distinct, stage.database.open_deliveries() if distinct >= expected else -1


def _order(stage: Stage, options: Options) -> Order:
    return Order(
        port=stage.services.port,
        path=f"/api/v1/app/{APP}/msg",
        api_key=stage.api_key,
        rate=options.rate if options.mode == "rate" else None,
        events=options.events,
        channels=options.channels,
        payload=options.payload,
        connections=options.connections,
        keys=options.keys,
    )


def _run(stage: Stage, options: Options, published: dict[str, Any]) -> Run:
    counts = stage.ask_receiver("/counts")
    return Run(
        accepted=published["accepted"],
        arrivals=stage.ask_receiver("/arrivals"),
        duplicates=counts["duplicates"],
        connections=counts["connections"],
        fan_out=options.fan_out,
        refused=published["refused"],
    )


if __name__ == "__main__":
    run(bench)
