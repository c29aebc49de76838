"""Read `Retry-After` (RFC 9110, 10.2.3): seconds, or one of the three HTTP-date forms.

The value comes from a stranger. Python's own parsers take other digits, underscores, `inf` and
dates without a zone, and raise on what does not fit; this one answers a number or None.
"""

import re
from datetime import UTC, datetime
from typing import Final

from deliveries.retry_policy import RETRY_AFTER_MAX

MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY: Final = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH: Final = f"(?P<month>{'|'.join(MONTHS)})"
_TIME: Final = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_VALUE_MAX: Final = 64  # Characters; the longest date has 33.
_DIGITS_MAX: Final = 9  # More than that is beyond any clamp.
_LEAP_SECOND: Final = 60
_CENTURY: Final = 100
_FUTURE_YEARS: Final = 50  # RFC 9110: a two-digit year further ahead lies in the past.


def parse_retry_after(value: str | bytes, *, now: float) -> float | None:
    """Return the seconds to wait from `now` (Unix seconds), 0 to RETRY_AFTER_MAX.

    None when the value is neither a number of seconds nor a date; a past date is 0. Never raises.
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    text = text.strip(" \t")
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0") or "0"
        return (
            min(float(digits), RETRY_AFTER_MAX) if len(digits) <= _DIGITS_MAX else RETRY_AFTER_MAX
        )
    moment = _unix_time(text, now) if len(text) <= _VALUE_MAX else None
    return None if moment is None else min(max(moment - now, 0.0), RETRY_AFTER_MAX)


def _unix_time(text: str, now: float) -> float | None:
    for form in _FORMS:
        if match := form.fullmatch(text):
            try:
                return _moment(match, now).timestamp()
            except ValueError:  # The 31st of February, hour 24.
                return None
    return None


def _moment(match: re.Match[str], now: float) -> datetime:
    second = int(match["second"])
    return datetime(
        _full_year(match["year"], now),
        MONTHS.index(match["month"]) + 1,
        int(match["day"]),
        int(match["hour"]),
        int(match["minute"]),
        second - 1 if second == _LEAP_SECOND else second,
        tzinfo=UTC,
    )


def _full_year(text: str, now: float) -> int:
    year = int(text)
    if len(text) > 2:  # noqa: PLR2004
        return year
    this_year = datetime.fromtimestamp(now, tz=UTC).year
    year += this_year - this_year % _CENTURY
    return year - _CENTURY if year > this_year + _FUTURE_YEARS else year
