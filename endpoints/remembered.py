"""Who shows which token, as found in the last seconds; a revoked one is soon refused everywhere."""

import hashlib
import time
from typing import Any

from endpoints.principals import Principal

#: Less than the 5 s within which a revoked key must be refused.
REMEMBERED_SECONDS = 4.0
#: Answers kept of each sort; beyond it, those of that sort are forgotten.
REMEMBERED_KEYS = 10_000


class Remembered:
    """Answers of the last seconds, good and bad ones apart: guesses do not drive out keys."""

    def __init__(self) -> None:
        self._good: dict[bytes, tuple[float, Principal]] = {}
        self._bad: dict[bytes, float] = {}

    def get(self, text: str) -> tuple[bool, Principal | None]:
        """Return whether there is an answer, and the answer."""
        # Known by its digest, a key can be looked up without telling it by the time it takes.
        digest = _digest(text)
        now = time.monotonic()
        if (good := self._good.get(digest)) and good[0] > now:
            return True, None if good[1].is_expired else good[1]
        return self._bad.get(digest, 0.0) > now, None

    def put(self, text: str, principal: Principal | None) -> Principal | None:
        until = time.monotonic() + REMEMBERED_SECONDS
        if principal is None:
            _make_room(self._bad)
            self._bad[_digest(text)] = until
        else:
            _make_room(self._good)
            self._good[_digest(text)] = (until, principal)
        return principal

    def clear(self) -> None:
        self._good.clear()
        self._bad.clear()


def _make_room(answers: dict[bytes, Any]) -> None:
    if len(answers) >= REMEMBERED_KEYS:
        answers.clear()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
