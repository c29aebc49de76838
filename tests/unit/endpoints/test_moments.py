from datetime import UTC, datetime

import pytest

from endpoints.api import moments

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31 12:00:00+00:00",
        "2026-01-31T14:00:00.000000000+02:00",
        "2026-01-31T00:30:00-11:30",
    ],
)
def test_reads_rfc_3339(text: str) -> None:
    assert moments.parse(text) == NOON
    assert moments.parse(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-01-31", id="a day"),
        pytest.param("2026-01-31T12:00:00", id="no offset"),
        pytest.param("2026-01-31T12:00Z", id="no seconds"),
        pytest.param("20260131T120000Z", id="basic form"),
        pytest.param("2026-W05-6T12:00:00Z", id="a week"),
        pytest.param("2026-01-31T12:00:00,5Z", id="comma"),
        pytest.param("2026-01-31T12:00:00Z\x00", id="NUL"),
        pytest.param("2026-01-31T12:00:00Z\n", id="newline"),
        pytest.param("2026-02-30T12:00:00Z", id="no such day"),
        pytest.param("0001-01-01T00:00:00+01:00", id="before the year 1"),
        pytest.param("9999-12-31T23:59:59-01:00", id="after the year 9999"),
        pytest.param("\u0662026-01-31T12:00:00Z", id="other digits"),
    ],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"2026-01-31T12:00:00Z"):
        moments.parse(text)
