"""The figures as lines for the terminal and as a table in docs/performance.md."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime

from dev.bench.figures import Costs, Figures, Percentiles, per_thousand
from dev.services import CHECKOUT

PAGE = CHECKOUT / "docs" / "performance.md"
Rows = Mapping[str, str]


def rows_of(figures: Figures, costs: Costs) -> dict[str, str]:
    return {
        "accepted": f"{figures.accepted:,} ({figures.refused} refused)",
        "accept rate": f"{figures.accept_rate:,.0f} events/s",
        "delivered": f"{figures.delivered:,}",
        "delivery rate": f"{figures.delivery_rate:,.0f} deliveries/s",
        "lost": str(figures.lost),
        "duplicates": str(figures.duplicates),
        "publish to 202": _durations(figures.answer),
        "publish to receiver": _durations(figures.arrival),
        "new connections": f"{figures.new_connections:.1f} per 1,000 deliveries",
        **_cost_rows(costs, figures.delivered),
    }


def _durations(found: Percentiles) -> str:
    return f"p50 {found.p50:,.1f} ms, p95 {found.p95:,.1f} ms, p99 {found.p99:,.1f} ms"


def _cost_rows(costs: Costs, delivered: int) -> dict[str, str]:
    per = {name: per_thousand(spent, delivered) for name, spent in costs.cpu_seconds.items()}
    platform_seconds = sum(per[name] for name in per if name not in {"publisher", "receiver"})
    each = ", ".join(f"{name} {seconds:.3f}" for name, seconds in per.items())
    peaks = ", ".join(f"{name} {peak / 2**20:.0f}" for name, peak in costs.peak_bytes.items())
    counted = costs.database
    statements = (
        "not counted (--count-statements)"
        if counted.statements is None
        else f"{per_thousand(counted.statements, delivered):,.0f} per 1,000 deliveries (log)"
    )
    return {
        "CPU seconds per 1,000": f"{platform_seconds:.2f} for the platform: {each}",
        "SQL statements": statements,
        "transactions": f"{per_thousand(counted.transactions, delivered):,.0f} per 1,000 "
        "deliveries (pg_stat_database)",
        "WAL": f"{counted.wal_bytes / max(delivered, 1):,.0f} bytes per delivery (LSN)",
        "peak RSS": f"MiB of the largest process: {peaks}",
    }


def lines_of(rows: Rows) -> list[str]:
    width = max(map(len, rows))
    return [f"{name:{width}}  {value}" for name, value in rows.items()]


def write(rows: Rows, command: str) -> None:
    """Add the figures to the page, under the day, the machine and the command."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = f"\n## {now}: `{command}`\n\n{_machine()}\n\n"
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    with PAGE.open("a") as page:
        page.write(f"{title}| | |\n|---|---|\n{table}")


def _machine() -> str:
    """Name processor count, load and Python: what a figure depends on most."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f} at the end, "
        f"Python {platform.python_version()}, embedded stores with durable commits."
    )
