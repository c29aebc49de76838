import signal
import time
from pathlib import Path

import pytest

from dev.guardian import Guardian, members_of
from dev.processes import Process, ProcessFailedError
from tests.integration.dev.killing import running, wait_until_gone

# Starts a service with two children, one of which ignores SIGTERM, and tells their session.
PARENT = """
import os, sys, time
from pathlib import Path
from dev.guardian import Guardian
from dev.processes import Process

guardian = Guardian(grace=0.3)
guardian.remove_at_end(Path({leftover!r}))
log = Path({log!r})
deaf = "trap '' TERM; echo up; sleep 99 & wait; sleep 99"
command = ["/bin/sh", "-c", f'sh -c "{{deaf}}" & sleep 99 & wait']
service = Process("service", command, log, guardian, os.environ)
service.start()
service.wait_until(lambda: "up" in service.log_tail(), within=10)
print(service.pid, flush=True)
time.sleep(99)
"""


def shell(script: str, log: Path, guardian: Guardian) -> Process:
    return Process("Example", ["/bin/sh", "-c", script], log, guardian)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_children_and_their_children_end_with_a_killed_parent(
    tmp_path: Path, how: signal.Signals
) -> None:
    leftover = tmp_path / "leftover"
    leftover.mkdir()
    script = PARENT.format(leftover=str(leftover), log=str(tmp_path / "log"))

    with running(script) as (parent, [session]):
        family = members_of([int(session)])
        parent.send_signal(how)
        parent.wait()

        assert len(family) >= 3
        wait_until_gone(family, leftover)


def test_early_end_is_reported_with_the_end_of_the_log(tmp_path: Path) -> None:
    guardian = Guardian()
    process = shell("echo the reason; exit 3", tmp_path / "log", guardian)

    process.start()
    with pytest.raises(ProcessFailedError) as failure:
        process.wait_until(lambda: False, within=10)

    assert "Example ended with status 3" in str(failure.value)
    assert str(failure.value).endswith("the reason")
    guardian.close()


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    guardian = Guardian()
    process = shell('trap "" TERM; echo up; while :; do sleep 1; done', tmp_path / "log", guardian)
    process.start()
    process.wait_until(lambda: "up" in process.log_tail(), within=10)
    family = members_of([process.pid])

    process.stop(within=0.1)

    assert process.exit_status == -signal.SIGKILL
    wait_until_gone(family)
    guardian.close()


def test_stop_asks_once(tmp_path: Path) -> None:
    guardian = Guardian()
    script = 'trap "echo asked; sleep 0.2; exit 0" TERM; echo up; while :; do sleep 0.05; done'
    process = shell(script, tmp_path / "log", guardian)
    process.start()
    process.wait_until(lambda: "up" in process.log_tail(), within=10)

    process.ask_to_stop()
    process.stop()

    assert process.exit_status == 0
    assert process.log_tail() == "up\nasked"
    guardian.close()


def test_guardian_leaves_a_forgotten_session_alone(tmp_path: Path) -> None:
    guardian = Guardian(grace=0.1)
    other = Guardian()
    process = shell("sleep 99", tmp_path / "log", other)
    process.start()
    guardian.watch_session(process.pid, signal.SIGTERM)
    guardian.forget_session(process.pid)

    guardian.close()
    time.sleep(0.05)

    assert process.running
    process.stop()
    other.close()
