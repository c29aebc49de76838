"""Which deliveries a replay is about: as a value, as stored JSON, and as SQL.

The SQL looks at one endpoint's rows in the order of their ids, a bounded number at a time, and
says of each whether it is wanted. The preview counts with it (replay/counting.py), the delivery
loops take up with it (take_up.py), so both mean the same rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from deliveries.models import DeliveryStatus, Replay
from deliveries.queries.paging import CLOCK_SKEW, last_of_instant
from webhooks_platform.lib import ids

Source = Replay.Source

LOWEST: Final = UUID(int=0)

# Every scan is bounded by `scan` rows, wanted or not: a statement over a million rows of which
# one is wanted would be felt. Scalar subqueries look up by id, which opens one partition.
_LETTERS = """
SELECT r.id AS key, r.delivery_id, r.event_id, {wanted} AS wanted
FROM dead_letter r
WHERE r.endpoint_id = %(endpoint)s AND r.decision IS NULL AND r.id > %(position)s
ORDER BY r.id LIMIT %(scan)s
"""
_SETTLED = """
SELECT r.id AS key, r.id AS delivery_id, r.event_id, {wanted} AS wanted
FROM settled_delivery r
WHERE r.endpoint_id = %(endpoint)s AND r.id > %(position)s
  AND r.id >= %(first)s AND r.id <= %(last)s
ORDER BY r.id LIMIT %(scan)s
"""
# Of many that were delivered few failed; these few have an index of their own.
_FAILED = f"""
SELECT r.id AS key, r.id AS delivery_id, r.event_id, {{wanted}} AS wanted
FROM settled_delivery r
WHERE r.endpoint_id = %(endpoint)s AND r.id > %(position)s
  AND r.id >= %(first)s AND r.id <= %(last)s
  AND r.last_error IS NOT NULL AND r.status <> {DeliveryStatus.DELIVERED}
ORDER BY r.id LIMIT %(scan)s
"""
_EVENTS = """
SELECT r.id AS key, delivery_id(r.id, %(endpoint)s) AS delivery_id, r.id AS event_id,
       {wanted} AS wanted
FROM event r
WHERE r.tenant_id = %(tenant)s AND r.id > %(position)s
  AND r.id >= %(first)s AND r.id <= %(last)s
ORDER BY r.id LIMIT %(scan)s
"""
#: Retries that wait; a replay of everything makes them at once.
WAITING = """
SELECT r.id AS delivery_id, r.event_id FROM open_delivery r
WHERE r.endpoint_id = %(endpoint)s AND r.next_attempt_at > clock_timestamp()
  AND r.job_id IS NULL AND r.attempts > 0 AND r.id >= %(first)s AND r.id <= %(last)s
  AND {wanted}
ORDER BY r.next_attempt_at LIMIT %(room)s
"""
# Parked ones count as never attempted, and events that had no such endpoint or filter then.
_NEVER_ATTEMPTED = f"""
(r.payload IS NOT NULL AND coalesce(r.payload_expires_at > %(as_of)s, true)
 AND NOT EXISTS (SELECT FROM open_delivery o WHERE o.id = delivery_id(r.id, %(endpoint)s) OFFSET 0)
 AND coalesce(
    (SELECT s.attempts = 0 AND s.status = {DeliveryStatus.PARKED} FROM settled_delivery s
     WHERE s.id = delivery_id(r.id, %(endpoint)s)),
    (SELECT (e.event_types IS NULL OR r.event_type = ANY (e.event_types))
            AND (e.channels IS NULL OR coalesce(e.channels && r.channels, false))
     FROM endpoint e WHERE e.id = %(endpoint)s)))
"""
_SCANS = {
    Source.DEAD_LETTER: (
        _LETTERS,
        "r.created_at <= %(as_of)s AND r.delivery_id BETWEEN %(first)s AND %(last)s",
    ),
    Source.FAILED: (_FAILED, "r.settled_at <= %(as_of)s"),
    Source.ALL: (_SETTLED, "r.settled_at <= %(as_of)s"),
    Source.MISSING: (_EVENTS, _NEVER_ATTEMPTED),
}
_TYPE_OF_EVENT = "(SELECT e.event_type FROM event e WHERE e.id = r.event_id)"
_CHANNELS_OF_EVENT = "(SELECT e.channels FROM event e WHERE e.id = r.event_id)"
_TAGS_OF_EVENT = "(SELECT e.tags FROM event e WHERE e.id = r.event_id)"


@dataclass(frozen=True)
class Selection:
    """Deliveries of one tenant; a part that is empty or None leaves nothing out."""

    source: str
    endpoint_ids: tuple[UUID, ...] = ()
    event_types: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    #: DeadLetter.Reason; of dead letters only.
    reasons: tuple[str, ...] = ()
    #: Class of the last answer: 0 (none), 100, … 500.
    status_code_class: int | None = None
    #: When the events were published; both inclusive.
    since: datetime | None = None
    until: datetime | None = None
    #: These dead letters and no others.
    letter_ids: tuple[UUID, ...] = ()
    #: When the dead letters were made, at the earliest.
    given_up_since: datetime | None = None
    #: DeliveryStatus of settled deliveries.
    statuses: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what is set, but for the source, as a Replay stores it."""
        return {
            name: _plain(value)
            for name, value in asdict(self).items()
            if name != "source" and value not in ((), None)
        }

    @classmethod
    def of(cls, replay: Replay) -> Self:
        return cls.from_json(replay.source, replay.filters)

    @classmethod
    def from_json(cls, source: str, stored: Mapping[str, Any]) -> Self:
        known = [field.name for field in fields(cls) if field.name in stored]
        return cls(source, **{name: _READERS.get(name, tuple)(stored[name]) for name in known})

    def parameters(self, tenant_id: UUID, as_of: datetime) -> dict[str, Any]:
        """Return the values of the SQL; `as_of` leaves out what came or ended after it."""
        lowest = self.status_code_class or 0
        return {
            "tenant": tenant_id,
            "as_of": as_of,
            "first": ids.first_at(self.since) if self.since else LOWEST,
            "last": last_of_instant(ids.first_at(self.until or as_of + CLOCK_SKEW)),
            "event_types": list(self.event_types),
            "channels": list(self.channels),
            "reasons": list(self.reasons),
            "lowest": lowest,
            "highest": lowest + 99,
            "letters": list(self.letter_ids),
            "given_up_since": self.given_up_since and ids.first_at(self.given_up_since),
            "statuses": list(self.statuses),
            "tags": list(self.tags),
        }

    def scan(self) -> str:
        """Return SQL for the next rows of `endpoint` after `position`: key, ids and `wanted`."""
        rows, always = _SCANS[Source(self.source)]
        return rows.format(wanted=" AND ".join([always, *self._conditions()]))

    def waiting(self) -> str | None:
        """Return SQL for the open deliveries that are wanted as well, if any are."""
        if self.source != Source.ALL:
            return None
        return WAITING.format(wanted=" AND ".join(self._conditions()) or "true")

    def _conditions(self) -> list[str]:
        own_type = self.source in (Source.DEAD_LETTER, Source.MISSING)
        event_type = "r.event_type" if own_type else _TYPE_OF_EVENT
        channels = "r.channels" if self.source == Source.MISSING else _CHANNELS_OF_EVENT
        tags = "r.tags" if self.source == Source.MISSING else _TAGS_OF_EVENT
        conditions = [
            (self.event_types, f"{event_type} = ANY (%(event_types)s)"),
            (self.channels, f"coalesce({channels} && %(channels)s::varchar[], false)"),
            (self.tags, f"coalesce({tags} && %(tags)s::varchar[], false)"),
            (self.reasons, "r.reason = ANY (%(reasons)s)"),
            (self.letter_ids, "r.id = ANY (%(letters)s)"),
            (self.given_up_since, "r.id >= %(given_up_since)s"),
            (self.statuses, "r.status = ANY (%(statuses)s)"),
            (
                self.status_code_class is not None,
                "coalesce(r.last_status_code, 0) BETWEEN %(lowest)s AND %(highest)s",
            ),
        ]
        return [condition for is_set, condition in conditions if is_set]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _ids(texts: list[str]) -> tuple[UUID, ...]:
    return tuple(UUID(text) for text in texts)


_READERS: dict[str, Callable[[Any], Any]] = {
    "endpoint_ids": _ids,
    "letter_ids": _ids,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
    "given_up_since": datetime.fromisoformat,
    "status_code_class": int,
}
