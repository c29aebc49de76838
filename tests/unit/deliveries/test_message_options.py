"""deliverAt, tags, retention and headers of a message: what is taken, what is named as a fault."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from deliveries.api.message_in import MessageIn, parse_message
from webhooks_platform.api.errors import FieldError

GOOD = {"eventType": "invoice.paid", "payload": {"a": 1}}
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def parse(**changes: Any) -> MessageIn:
    with time_machine.travel(NOW, tick=False):
        return parse_message(json.dumps({**GOOD, **changes}).encode())


def faults(**changes: Any) -> list[str]:
    with pytest.raises(FieldError) as caught:
        parse(**changes)
    return [".".join(map(str, found["loc"])) for found in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-25T12:05:00Z", NOW + timedelta(minutes=5)),
        ("2026-11-25t14:05:00.5+02:00", NOW + timedelta(minutes=5, seconds=0.5)),
        # More digits than PostgreSQL keeps.
        ("2026-11-25T12:05:00.123456789Z", NOW + timedelta(minutes=5, microseconds=123456)),
        # Exactly the limit.
        ("2026-12-25T12:00:00Z", NOW + timedelta(days=30)),
        # The past means now, however long ago.
        ("1999-01-01T00:00:00Z", datetime(1999, 1, 1, tzinfo=UTC)),
    ],
)
def test_takes_a_time_to_deliver_at(text: str, when: datetime) -> None:
    assert parse(deliverAt=text).deliver_at == when


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("tomorrow", id="words"),
        pytest.param("2026-11-26", id="date"),
        pytest.param("2026-11-26T12:00:00", id="no offset"),
        pytest.param("20261126T120000Z", id="not RFC 3339"),
        pytest.param("2026-W48-4T12:00:00Z", id="week"),
        pytest.param("2026-02-30T12:00:00Z", id="no such day"),
        pytest.param("0001-01-01T00:00:00+23:59", id="before time"),
        pytest.param("2026-11-26T12:00:00Z\n", id="line end"),
        pytest.param("٢٠٢٦-11-26T12:00:00Z", id="other digits"),
        pytest.param(1795600000, id="number"),
        pytest.param("2026-12-25T12:00:01Z", id="over 30 days"),
    ],
)
def test_refuses_a_time(value: Any) -> None:
    assert faults(deliverAt=value) == ["body.deliverAt"]


@pytest.mark.parametrize(
    "kept", [{"payloadRetentionHours": 24}, {"payloadRetentionPeriod": 5}], ids=str
)
def test_the_payload_must_outlive_the_wait(kept: dict[str, int]) -> None:
    end = NOW + timedelta(hours=24 if "payloadRetentionHours" in kept else 120)

    assert faults(deliverAt=end.isoformat(), **kept) == ["body.deliverAt"]
    before = end - timedelta(seconds=1)
    assert parse(deliverAt=before.isoformat(), **kept).deliver_at == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"payloadRetentionHours": 1}, timedelta(hours=1)),
        ({"payloadRetentionHours": 2160}, timedelta(days=90)),
        ({"payloadRetentionPeriod": 90, "payloadRetentionHours": None}, timedelta(days=90)),
        ({}, None),
    ],
)
def test_takes_a_retention(given: dict[str, int], kept: timedelta | None) -> None:
    assert parse(**given).retention == kept


@pytest.mark.parametrize("hours", [0, -1, 2161, 1.0, "1", True])
def test_refuses_hours_of_retention(hours: Any) -> None:
    assert faults(payloadRetentionHours=hours) == ["body.payloadRetentionHours"]


def test_refuses_days_and_hours_at_once() -> None:
    both = {"payloadRetentionPeriod": 5, "payloadRetentionHours": 120}

    assert faults(**both) == ["body.payloadRetentionHours"]


def test_takes_any_text_for_tags() -> None:
    tags = ["env:prod", "a,b", "Müller & Söhne", "x" * 256]

    assert parse(tags=tags).tags == tags
    assert parse(tags=[]).tags is None


@pytest.mark.parametrize(
    ("tags", "places"),
    [
        ("a", ["body.tags"]),
        (["a"] * 21, ["body.tags"]),
        (["a", 1, None], ["body.tags.1", "body.tags.2"]),
        (["", "x" * 257, "a\x1fb", "a\nb"], [f"body.tags.{n}" for n in range(4)]),
    ],
)
def test_refuses_tags(tags: Any, places: list[str]) -> None:
    assert faults(tags=tags) == places


def test_takes_headers_and_a_content_type() -> None:
    headers = {"X-Trace": "1", "authorization": "Bearer t", "Content-Type": "text/plain; charset=x"}

    message = parse(transformationsParams={"headers": headers, "rawPayload": "hello"})

    assert message.headers == headers


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        pytest.param([], "", id="list"),
        pytest.param({"X-A": 1}, ".X-A", id="number"),
        pytest.param({"X-A": None}, ".X-A", id="null"),
        pytest.param({"Host": "x"}, ".Host", id="host"),
        pytest.param({"webhook-id": "x"}, ".webhook-id", id="the platform's"),
        pytest.param({"Content-Length": "1"}, ".Content-Length", id="framing"),
        pytest.param({"Transfer-Encoding": "chunked"}, ".Transfer-Encoding", id="hop by hop"),
        pytest.param({"X-A": "1\r\nX-B: 2"}, ".X-A", id="line break"),
        pytest.param({"X-A": "é"}, ".X-A", id="not ASCII"),
        pytest.param({"X A": "1"}, ".X A", id="space"),
        pytest.param({"X-A": "1", "x-a": "2"}, ".x-a", id="twice"),
        pytest.param({"content-type": "text"}, ".content-type", id="no media type"),
        pytest.param({"content-type": ""}, ".content-type", id="empty media type"),
        pytest.param({"content-type": "a/b\r\nX: 1"}, ".content-type", id="broken media type"),
        pytest.param({"content-type": "a/b", "Content-Type": "a/b"}, ".Content-Type", id="two"),
        pytest.param({f"x-{n}": "1" for n in range(21)}, "", id="21"),
    ],
)
def test_refuses_headers(headers: Any, place: str) -> None:
    expected = f"body.transformationsParams.headers{place}"

    assert faults(transformationsParams={"headers": headers}) == [expected]
