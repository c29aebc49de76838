"""`make bench`: start everything, publish, wait for the last arrival, and tell what it cost."""

import sys

from dev.bench.figures import Figures, medians
from dev.bench.modes import measure, warm_up
from dev.bench.options import Options, read_options
from dev.bench.report import lines_of, rows_of, write_json, write_page
from dev.bench.stage import Stage, running_stage
from dev.bench.yardsticks import yardstick_figures
from dev.terminal import run, say


def bench() -> int:
    options = read_options(sys.argv[1:])
    command = " ".join(["python -m dev.bench", *sys.argv[1:]])
    say("starting   PostgreSQL, Redis, API, worker, beat and a receiver …")
    with running_stage(options) as stage:
        say(f"services   ready; {options.endpoints} endpoints made through the API")
        say(f"tools      publisher: {options.publisher}, receiver: {stage.receiver.name}")
        runs = measured_runs(stage, options)
    rows = rows_of(medians(runs), options)
    say("\n".join(lines_of(rows)))
    if options.json:
        write_json(runs, command, options)
    if options.write:
        write_page(rows, command, options)
    return 1 if any(run["lost"] or run["duplicates"] or run["refused"] for run in runs) else 0


def measured_runs(stage: Stage, options: Options) -> list[Figures]:
    """Do the runs one after the other, each with yardsticks of its own."""
    warm_up(stage, options)
    runs = []
    for number in range(options.repeat):
        figures = measure(stage, options, number=number)
        if options.yardsticks:
            figures |= yardstick_figures(stage)
            figures["delivered_per_sql"] = (
                figures["delivered_per_s"] / figures["yardstick_sql_per_s"]
            )
        say(f"run {number + 1:<6} {figures['delivered_per_s']:,.0f} deliveries/s")
        runs.append(figures)
    return runs


if __name__ == "__main__":
    run(bench)
