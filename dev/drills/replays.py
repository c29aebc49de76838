"""A drill about replay jobs: every process is killed midway, and the job goes on by itself."""

from dev.drills.deaths import held_leases, kill_claimers
from dev.drills.rig import Check, Platform, Rig, wait_for
from dev.guardian import members_of

#: Seconds; a lease is 15 longer.
_SETTINGS = {"WEBHOOKS_RETRY_SCHEDULE": "", "WEBHOOKS_SEND_TIMEOUT": "3"}
#: The receiver ponders, so that sends are open when their worker dies.
_DELAY = 0.1
#: Deliveries per second of a short replay, which would else be over before anybody can be killed.
_PACE = 50
_SLOW = 0.5


def replay(rig: Rig, letters: int) -> list[Check]:
    """A replay of dead letters, with worker, beat and API killed midway: each event once."""
    return _replay(rig, letters, delay=_DELAY, pace=None)


def replay_short(rig: Rig, letters: int) -> list[Check]:
    """As `replay`, paced."""
    return _replay(rig, letters, delay=_SLOW, pace=_PACE)


def _replay(rig: Rig, letters: int, *, delay: float, pace: int | None) -> list[Check]:
    with rig.platform(_SETTINGS, workers=2, beats=1) as platform:
        _make_letters(platform, letters)
        platform.receiver.delay = delay
        _start(platform, pace)
        in_flight = _kill_all(platform, letters)
        wait_for("end of the replay", lambda: _state(platform)[0] != "running", within=180)
        state, total, delivered, failed, queued = _state(platform)
        twice = platform.receiver.requests - 2 * letters
        undecided = platform.count("dead_letter WHERE decision IS NULL")
        return [
            Check("letters", letters, True),
            Check("state", state, state == "finished"),
            Check("delivered", delivered, delivered == total == letters),
            Check("failed and queued", failed + queued, failed + queued == 0),
            Check("undecided letters", undecided, undecided == 0),
            Check("in flight when killed", in_flight, in_flight > 0),
            Check("sent twice", twice, 0 <= twice <= in_flight),
        ]


def _make_letters(platform: Platform, letters: int) -> None:
    """Publish events that fail once and are given up on, for there is no schedule."""
    platform.receiver.failing_every = 1
    platform.publish(letters)
    platform.wait_settled(within=180)
    platform.receiver.failing_every = 0


def _start(platform: Platform, pace: int | None) -> None:
    job = {"note": "drill", "ratePerSecond": pace}
    with platform.client() as client:
        answer = client.post(f"/api/v1/app/{platform.app}/replay", json=job)
    answer.raise_for_status()


def _kill_all(platform: Platform, letters: int) -> int:
    """Kill each process at its own share of the way; return what was leased by those killed."""
    services = platform.services
    victims = [*services.workers, services.beats[0], services.api]
    held = 0
    for number, process in enumerate(victims, start=1):
        _wait_for_share(platform, letters * number // (len(victims) + 1))
        kill_claimers(platform, members_of([process.pid]))
        if process in services.workers:
            # What the other worker had leased is counted too: an upper bound.
            held += held_leases(platform)
        process.stop(within=1)
        process.start()
    return held


def _wait_for_share(platform: Platform, delivered: int) -> None:
    wait_for(f"{delivered} replayed", lambda: _state(platform)[2] >= delivered, within=120)


def _state(platform: Platform) -> tuple[str, int, int, int, int]:
    row = platform.query(
        "SELECT state, total, delivered, failed, queued FROM replay ORDER BY id DESC LIMIT 1"
    )[0]
    return row[0], row[1], row[2], row[3], row[4]
