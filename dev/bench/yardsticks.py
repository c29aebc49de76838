"""What this machine does without the platform: durable commits, and requests to the receiver."""

import re
import shutil
import subprocess
from pathlib import Path

import psycopg

from dev.bench.figures import Figures
from dev.bench.publisher import Order
from dev.bench.publishing import Publishing
from dev.bench.stage import Stage

_SECONDS = 2
_INSERT = f"INSERT INTO bench_yardstick VALUES ('{'x' * 400}');\n"
_POST = Path(__file__).with_name("post.lua")
#: Of our own publisher, where wrk is not installed.
_REQUESTS = 20_000


def yardstick_figures(stage: Stage) -> Figures:
    return {
        "yardstick_sql_per_s": sql_yardstick(stage),
        "yardstick_http_per_s": http_yardstick(stage),
    }


def sql_yardstick(stage: Stage) -> float:
    """Measure with pgbench: 8 clients, 1 thread, a row of 400 bytes in each transaction."""
    url = stage.stores.postgres.superuser_url
    _execute(url, "CREATE TABLE bench_yardstick (payload text)")
    script = stage.run_dir / "yardstick.sql"
    script.write_text(_INSERT)
    try:
        pgbench = str(stage.programs / "pgbench")
        options = ["-n", "-c8", "-j1", f"-T{_SECONDS}", "-f", str(script)]
        return _found(r"tps = ([\d.]+)", _run(pgbench, *options, url))
    finally:
        _execute(url, "DROP TABLE bench_yardstick")


def http_yardstick(stage: Stage) -> float:
    """Measure POSTs of 400 bytes to the receiver: wrk with 32 connections, else our publisher."""
    wrk = shutil.which("wrk")
    port = stage.receiver.port
    if wrk is None:
        return _by_our_publisher(stage, port)
    options = ["-t1", "-c32", f"-d{_SECONDS}s", "-s", str(_POST)]
    return _found(r"Requests/sec:\s+([\d.]+)", _run(wrk, *options, f"http://127.0.0.1:{port}/"))


def _by_our_publisher(stage: Stage, port: int) -> float:
    order = Order(
        port=port,
        path="/yardstick",
        api_key="",
        rate=None,
        first=0,
        events=_REQUESTS,
        batch=1,
        channels=1,
        payload=300,
        connections=32,
        keys=False,
    )
    return Publishing(stage, order, tool="own", name="yardstick").wait().answers_per_s


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _found(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else float("nan")


def _run(*command: str) -> str:
    """Run without the log of each statement, which is for the platform's."""
    finished = subprocess.run(  # noqa: S603  Fixed commands.
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PGOPTIONS": "-c log_duration=off"},
    )
    return finished.stdout
