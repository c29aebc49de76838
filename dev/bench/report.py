"""The figures as lines for the terminal, as a table in docs/performance.md, and as JSON."""

import json
import math
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from dev.bench.figures import Figures, medians
from dev.bench.options import Options
from dev.services import CHECKOUT

PAGE = CHECKOUT / "docs" / "performance.md"
Rows = Mapping[str, str]
#: Above it the instruments take so much of the machine that they change what they measure.
_MOST_OF_INSTRUMENTS = 0.15
_GROUPS = ("api", "worker", "beat", "postgres", "redis", "publisher", "noise", "receiver", "bench")


def rows_of(figures: Figures, options: Options) -> dict[str, str]:
    rows = {
        "accepted": f"{figures['accepted']:,.0f} ({figures['refused']:.0f} refused)",
        "accept rate": f"{figures['accept_per_s']:,.0f} events/s",
        "delivered": f"{figures['delivered']:,.0f}",
        "delivery rate": _delivery_rate(figures),
        "lost": f"{figures['lost']:.0f}",
        "duplicates": f"{figures['duplicates']:.0f}",
        "publish to 202": _durations(figures, "answer"),
        "publish to receiver": _durations(figures, "arrival"),
        "quiet to receiver": _durations(figures, "quiet_arrival"),
        "beside noise ÷ quiet": _durations(figures, "noisy_by_quiet", unit=""),
        "new connections": f"{figures['connections_per_1000']:.1f} per 1,000 deliveries",
        **_cost_rows(figures, "accepting_", " to accept", "event"),
        **_cost_rows(figures, "", "", "delivery"),
        "peak memory": _groups(figures, "memory_{}_mib", ".0f") + " MiB (shared pages once)",
        **_yardstick_rows(figures),
        "tools": f"publisher: {options.publisher}, receiver: {options.receiver}",
    }
    return {name: value for name, value in rows.items() if value}


def _delivery_rate(figures: Figures) -> str:
    told = f"{figures['delivered_per_s']:,.0f} deliveries/s"
    if "yardstick_sql_per_s" in figures:
        told += f" = {figures['delivered_per_sql']:.2f} of sql"
    return told


def _durations(figures: Figures, name: str, *, unit: str = "_ms") -> str:
    """Return nothing for what was not measured: wrk does not know when which message was sent."""
    found = [figures.get(f"{name}_{share}{unit}") for share in ("p50", "p95", "p99")]
    if None in found:
        return ""
    sign = " ms" if unit else " times"
    told = zip(("p50", "p95", "p99"), found, strict=True)
    return ", ".join(f"{share} {value:,.1f}{sign}" for share, value in told)


def _cost_rows(figures: Figures, prefix: str, suffix: str, what: str) -> dict[str, str]:
    if f"{prefix}wal_bytes_each" not in figures:
        return {}
    found = {
        name.removeprefix(prefix): value
        for name, value in figures.items()
        if name.startswith(prefix)
    }
    share = found["cpu_of_publisher_and_receiver_share"]
    warning = " (more than 15 %!)" if share > _MOST_OF_INSTRUMENTS else ""
    return {
        f"CPU s per 1,000{suffix}": f"{found['cpu_platform_per_1000_s']:.2f} for the platform: "
        + _groups(found, "cpu_{}_per_1000_s", ".3f"),
        f"publisher + receiver{suffix}": f"{share:.0%} of all CPU{warning}",
        f"machine{suffix}": f"{found['machine_busy_share']:.0%} busy, "
        f"{found['machine_others_share']:.0%} with other things",
        f"database{suffix}": f"{found['statements_each']:.3f} statements, "
        f"{found['rows_each']:.2f} rows, {found['commits_each']:.3f} commits, "
        f"{found['wal_bytes_each']:,.0f} bytes of WAL per {what}",
    }


def _groups(figures: Figures, pattern: str, form: str) -> str:
    found = {group: figures.get(pattern.format(group)) for group in _GROUPS}
    return ", ".join(
        f"{group} {value:{form}}" for group, value in found.items() if value is not None
    )


def _yardstick_rows(figures: Figures) -> dict[str, str]:
    if "yardstick_sql_per_s" not in figures:
        return {}
    return {
        "yardstick: sql": f"{figures['yardstick_sql_per_s']:,.0f}/s one-row commits of 400 bytes "
        "(pgbench, 8 clients)",
        "yardstick: http": f"{figures['yardstick_http_per_s']:,.0f}/s POSTs of 400 bytes to the "
        f"receiver ({http_tool()}, 32 connections)",
    }


def http_tool() -> str:
    return "wrk" if shutil.which("wrk") else "our own publisher: wrk is not installed"


def lines_of(rows: Rows) -> list[str]:
    width = max(map(len, rows))
    return [f"{name:{width}}  {value}" for name, value in rows.items()]


def write_page(rows: Rows, command: str, options: Options) -> None:
    """Add the figures to the page, under the day, the machine and the command."""
    title = f"\n## {_now():%Y-%m-%d %H:%M} UTC: `{command}`\n\n{_machine(options)}\n\n"
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    with PAGE.open("a") as page:
        page.write(f"{title}| | |\n|---|---|\n{table}")


def write_json(runs: Sequence[Figures], command: str, options: Options) -> None:
    """Write every run, and the medians, to the file that was asked for."""
    told = {
        "at": f"{_now():%Y-%m-%dT%H:%M:%SZ}",
        "command": command,
        "machine": _machine(options),
        "options": asdict(options),
        "median": _plain(medians(runs)),
        "runs": [_plain(run) for run in runs],
    }
    Path(options.json or "").write_text(json.dumps(told, indent=2) + "\n")


def _plain(figures: Figures) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def _now() -> datetime:
    return datetime.now(UTC)


def _machine(options: Options) -> str:
    """Name processor count, load and Python: what a figure depends on most."""
    load = os.getloadavg()[0]
    runs = f"; median of {options.repeat} runs" if options.repeat > 1 else ""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the end, "
        f"Python {platform.python_version()}, embedded stores with durable commits{runs}."
    )
