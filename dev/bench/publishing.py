"""Runs a publisher, wrk or our own, as a process of its own, and reads what it wrote down."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dev.bench.figures import Percentiles, percentiles, rate
from dev.bench.options import Options
from dev.bench.publisher import EVENT_TYPE, Order, filler, write_order
from dev.bench.stage import APP, Stage, module_process, program_process
from dev.errors import DevError
from dev.processes import Process

_SCRIPT = Path(__file__).with_name("publish.lua")
#: Seconds; of a publisher that hangs.
_WITHIN = 3600
#: Seconds after which wrk counts an answer as missing.
_TIMEOUT = 10
_RESULT = re.compile(r"^RESULT (\{.*\})$", re.MULTILINE)


class NoResultError(DevError):
    """wrk ended without its result; the text is what it printed."""


@dataclass(frozen=True)
class Published:
    """What a publisher wrote down. Times are CLOCK_MONOTONIC ns."""

    accepted: int
    refused: int
    #: The first request and the last answer.
    began: int
    ended: int
    #: From (scheduled) sending to answer.
    answers: Percentiles
    cpu_seconds: float
    #: When each message was (to be) sent; None of wrk, which does not know.
    sent: Mapping[str, int] | None = None

    @property
    def answers_per_s(self) -> float:
        return rate(self.accepted + self.refused, self.began, self.ended)


def order_of(
    stage: Stage, options: Options, *, first: int, events: int, channel: str = "c"
) -> Order:
    return Order(
        port=stage.services.port,
        path=f"/api/v1/app/{APP}/msg{'/batch' if options.batch > 1 else ''}",
        api_key=stage.api_key,
        rate=options.rate if options.scheduled else None,
        first=first,
        events=events,
        batch=options.batch,
        channels=options.channels,
        payload=options.payload,
        connections=options.connections,
        keys=options.keys,
        channel=channel,
    )


class Publishing:
    """One publisher at work."""

    def __init__(self, stage: Stage, order: Order, *, tool: str, name: str = "publisher") -> None:
        self._result = stage.run_dir / f"{name}.json"
        self._log = stage.run_dir / f"{name}.log"
        self._by_wrk = tool == "wrk"
        self._log.unlink(missing_ok=True)
        self.process = self._wrk(stage, order) if self._by_wrk else self._own(stage, order, name)
        self.process.start()

    def wait(self) -> Published:
        try:
            self.process.wait_for_success(within=_WITHIN)
        finally:
            self.process.stop()
        if self._by_wrk:
            return published_by_wrk(self._log.read_text())
        return published_by_ours(json.loads(self._result.read_text()))

    def stop(self) -> None:
        self.process.stop()

    def _own(self, stage: Stage, order: Order, name: str) -> Process:
        written = stage.run_dir / f"{name}-order.json"
        write_order(order, written)
        arguments = [str(written), str(self._result)]
        return module_process("publisher", arguments, stage.run_dir, stage.guardian, log=name)

    def _wrk(self, stage: Stage, order: Order) -> Process:
        written = stage.run_dir / "order.lua"
        written.touch(mode=0o600)
        written.write_text(lua_of(order))
        options = ["-t1", f"-c{order.connections}", f"-d{_WITHIN}s", f"--timeout={_TIMEOUT}s"]
        url = f"http://127.0.0.1:{order.port}"
        wrk = shutil.which("wrk") or "wrk"
        command = [wrk, *options, "-s", str(_SCRIPT), url, "--", str(written)]
        return program_process("publisher", command, stage.run_dir, stage.guardian)


def lua_of(order: Order) -> str:
    """Write an order as Lua; its texts hold neither quotes nor backslashes."""
    values = {**asdict(order), "event_type": EVENT_TYPE, "text": filler(order.payload)}
    given = {name: json.dumps(value) for name, value in values.items() if value is not None}
    return f"return {{ {', '.join(f'{name} = {value}' for name, value in given.items())} }}\n"


def published_by_wrk(printed: str) -> Published:
    """Read the line that publish.lua prints."""
    found = _RESULT.search(printed)
    if found is None:
        raise NoResultError(printed[-2000:])
    told = json.loads(found[1])
    answers = Percentiles(told.pop("p50"), told.pop("p95"), told.pop("p99"))
    return Published(answers=answers, **told)


def published_by_ours(told: Mapping[str, Any]) -> Published:
    accepted = told["accepted"]
    return Published(
        accepted=len(accepted),
        refused=sum(told["refused"].values()),
        began=told["began"],
        ended=told["ended"],
        answers=percentiles([answered - sent for _, sent, answered in accepted]),
        cpu_seconds=told["cpu_seconds"],
        sent={message: sent for message, sent, _ in accepted},
    )
