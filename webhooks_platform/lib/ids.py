"""Identifiers: UUIDv7 in the database, prefix and 26 base32 characters outside.

The text is Crockford's base32 in lower case, so that text order is time order. The first
48 bits of an id are the Unix time in milliseconds (RFC 9562), which is also an event's or
attempt's timestamp: the two never disagree.
"""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TEXT_LENGTH = 26
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]

ORGANIZATION = "org_"
TENANT = "app_"
ENDPOINT = "ep_"
EVENT = "msg_"
ATTEMPT = "atmpt_"
DELIVERY = "dlv_"
DEAD_LETTER = "dl_"
REPLAY = "rpl_"
API_KEY = "key_"
AUDIT_ENTRY = "audit_"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MalformedIdError(ValueError):
    """The text is not an id of the wanted kind."""


def new() -> UUID:
    """Return a fresh UUIDv7."""
    return uuid7()


def to_text(prefix: str, value: UUID) -> str:
    """Return `prefix` and the 26 characters of `value`."""
    # 128 bits are 13 pairs of characters of 10 bits, the first with 8 bits in it.
    number = value.int
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return prefix + "".join(pairs)


def from_text(prefix: str, text: str) -> UUID:
    """Return the id behind `text`; raise MalformedIdError if it is not one with this prefix."""
    body = text[len(prefix) :]
    if not text.startswith(prefix) or len(body) != TEXT_LENGTH or body[0] > "7":
        raise MalformedIdError(f"not an id that begins with {prefix}")
    number = 0
    try:
        for character in body:
            number = number << 5 | _VALUES[character]
    except KeyError:
        raise MalformedIdError(f"not an id that begins with {prefix}") from None
    return UUID(int=number)


def timestamp(value: UUID) -> datetime:
    """Return the instant (UTC, milliseconds) at which a UUIDv7 was made."""
    return EPOCH + timedelta(milliseconds=value.int >> 80)


def first_at(when: datetime) -> UUID:
    """Return the lowest UUID of that millisecond; range bounds of partitions and time filters.

    No id is older than 1970: for what was before, it is the lowest of all.
    """
    return UUID(int=max(0, (when - EPOCH) // timedelta(milliseconds=1)) << 80)


def of_day(day: date) -> tuple[UUID, UUID]:
    """Return the lowest id of a day (UTC) and of the next; bounds of a partition."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return first_at(start), first_at(start + timedelta(days=1))
