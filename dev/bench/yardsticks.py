"""What this machine does without the platform: durable commits, and the server's plainest page."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from dev.bench.stage import Stage

_SECONDS = 3
_CLIENTS = 8
_INSERT = "INSERT INTO bench_yardstick VALUES (1)"


def sql_yardstick(stage: Stage) -> str:
    """Measure one-row commits: with pgbench where one is installed, else one psycopg session."""
    url = stage.stores.postgres.superuser_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_yardstick (value integer)")
    try:
        pgbench = _pgbench()
        return _by_pgbench(pgbench, url, stage.run_dir) if pgbench else _by_psycopg(url)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE bench_yardstick")


def _pgbench() -> str | None:
    debian = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")))
    return debian[-1] if debian else shutil.which("pgbench")


def _by_pgbench(pgbench: str, url: str, run_dir: Path) -> str:
    script = run_dir / "yardstick.sql"
    script.write_text(_INSERT + ";\n")
    told = _run(pgbench, "-n", "-f", str(script), "-c", str(_CLIENTS), "-T", str(_SECONDS), url)
    found = re.search(r"tps = ([\d.]+)", told)
    speed = f"{float(found[1]):,.0f}/s" if found else "unknown"
    return f"{speed} one-row commits (pgbench, {_CLIENTS} clients)"


def _by_psycopg(url: str) -> str:
    done, ends = 0, time.monotonic() + _SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < ends:
            connection.execute(_INSERT)
            done += 1
    return f"{done / _SECONDS:,.0f}/s one-row commits (psycopg, 1 session)"


def http_yardstick(stage: Stage) -> str:
    """Measure the API server's /livez with wrk; without it say so."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return "not measured: wrk is not installed"
    told = _run(wrk, "-t1", "-c32", f"-d{_SECONDS}s", f"{stage.services.url}/livez")
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    speed = f"{float(found[1]):,.0f}/s" if found else "unknown"
    return f"{speed} answers of /livez (wrk, 32 connections)"


def _run(*command: str) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  Fixed commands.
    return finished.stdout
