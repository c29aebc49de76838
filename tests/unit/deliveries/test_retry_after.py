from datetime import UTC, datetime

import pytest

from deliveries.retry_after import parse_retry_after

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
LIMIT = 43_200.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(b"120", 120.0, id="bytes"),
        pytest.param(" \t120 ", 120.0, id="surrounding-space"),
        pytest.param("0", 0.0, id="zero"),
        pytest.param("000120", 120.0, id="leading-zeros"),
        pytest.param("43200", LIMIT, id="the-limit"),
        pytest.param("43201", LIMIT, id="beyond-the-limit"),
        pytest.param("Sun, 22 Nov 2026 12:02:00 GMT", 120.0, id="imf-fixdate"),
        pytest.param(b"Sun, 22 Nov 2026 12:02:00 GMT", 120.0, id="imf-fixdate-bytes"),
        pytest.param("Sunday, 22-Nov-26 12:02:00 GMT", 120.0, id="rfc-850"),
        pytest.param("Sun Nov 22 12:02:00 2026", 120.0, id="asctime"),
        pytest.param("Tue Dec  1 12:00:00 2026", LIMIT, id="asctime-one-digit-day"),
        pytest.param("Sun, 22 Nov 2026 11:59:00 GMT", 0.0, id="past"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 0.0, id="rfc-850-last-century"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0.0, id="imf-last-century"),
        pytest.param("Sat, 01 Jan 9999 00:00:00 GMT", LIMIT, id="far-future"),
        pytest.param("Sun, 22 Nov 2026 12:00:60 GMT", 59.0, id="leap-second"),
    ],
)
def test_reads_seconds_and_all_three_date_forms(value, seconds):
    assert parse_retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("inf", None, id="inf"),
        pytest.param("nan", None, id="nan"),
        pytest.param("1e999", None, id="1e999"),
        pytest.param("99999999999999999999", LIMIT, id="twenty-nines"),
        pytest.param("9" * 5_000, LIMIT, id="five-thousand-digits"),
        pytest.param("0" * 5_000, 0.0, id="five-thousand-zeros"),
        pytest.param("٣", None, id="arabic-digit"),
        pytest.param("٣".encode(), None, id="arabic-digit-bytes"),
        pytest.param("²", None, id="superscript"),
        pytest.param("1_000", None, id="underscore"),
        pytest.param("-1", None, id="negative"),
        pytest.param("+1", None, id="plus"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("0x10", None, id="hex"),
        pytest.param("1 0", None, id="space-inside"),
        pytest.param("12\x00", None, id="nul"),
        pytest.param("12\n", None, id="newline"),
        pytest.param("", None, id="empty"),
        pytest.param("  ", None, id="blank"),
        pytest.param("soon", None, id="word"),
        pytest.param(b"\xff\xfe", None, id="binary"),
        pytest.param("Sun, 31 Feb 2026 12:00:00 GMT", None, id="february-31"),
        pytest.param("Sun, 22 Nov 0000 12:00:00 GMT", None, id="year-zero"),
        pytest.param("Sun, 22 Nov 2026 24:00:00 GMT", None, id="hour-24"),
        pytest.param("Sun, 22 Nov 2026 12:00:61 GMT", None, id="second-61"),
        pytest.param("Sun, 22 Nov 2026 12:00:00 +0200", None, id="other-zone"),
        pytest.param("Sun, 22 Nov 2026 12:00:00", None, id="no-zone"),
        pytest.param("2026-11-22T12:00:00Z", None, id="iso-8601"),
        pytest.param("Sun, ٢٢ Nov 2026 12:00:00 GMT", None, id="other-digits-in-a-date"),
        pytest.param("Sun Nov    12:00:00 2026", None, id="blank-day"),
        pytest.param("Sun, 22 Nov 2026 12:02:00 GMT" + " " * 5_000 + "x", None, id="long"),
    ],
)
def test_hostile_values_never_raise(value, seconds):
    assert parse_retry_after(value, now=NOW) == seconds
