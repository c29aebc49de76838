"""Deliver again, because somebody decided to: one delivery, one dead letter, or a filtered million.

The stage behind resend, dead letters and replay jobs; each decision is a Replay row and audited.
Called by the API and the admin. The delivery loops do the rest (take_up.py, drain.py): what is
re-opened waits in the queue like everything else, and keeps its id, its event and its attempts.
"""

from deliveries.replay.counting import Preview, estimated_seconds, preview
from deliveries.replay.jobs import (
    ACTIONS,
    WrongStateError,
    change,
    start,
)
from deliveries.replay.letters import (
    AlreadyDecidedError,
    Discarded,
    discard,
    discard_all,
    replay_letter,
)
from deliveries.replay.refusals import (
    EndpointDeletedError,
    EndpointDisabledError,
    PayloadGoneError,
    ReplayRefusedError,
    payload_end,
)
from deliveries.replay.resend import resend

__all__ = [
    "ACTIONS",
    "AlreadyDecidedError",
    "Discarded",
    "EndpointDeletedError",
    "EndpointDisabledError",
    "PayloadGoneError",
    "Preview",
    "ReplayRefusedError",
    "WrongStateError",
    "change",
    "discard",
    "discard_all",
    "estimated_seconds",
    "payload_end",
    "preview",
    "replay_letter",
    "resend",
    "start",
]
