import json
from uuid import UUID

import pytest

from deliveries.api.message_out import as_object, render
from deliveries.publish import Accepted

EVENT = UUID("01a207c8-5cc1-7064-87c8-37b587ab92a2")
WHOLE = Accepted(EVENT, "e-1", "invoice.paid", "a,b", b'{ "n":1.10 }')


def test_shows_a_whole_event() -> None:
    assert render(WHOLE) == (
        b'{"id":"msg_01m83wgq61e1j8fj1qpp3tq4n2","eventId":"e-1","eventType":"invoice.paid",'
        b'"channels":["a","b"],"payload":{ "n":1.10 },"timestamp":"2026-11-23T09:41:41.185000Z"}'
    )


def test_shows_what_is_absent_as_null() -> None:
    shown = json.loads(render(WHOLE._replace(uid=None, channels=None)))

    assert (shown["eventId"], shown["channels"]) == (None, None)


@pytest.mark.parametrize("is_object", [True, False])
def test_first_answer_and_repeat_are_the_same_bytes(is_object: bool) -> None:
    assert render(WHOLE, is_object=is_object) == render(WHOLE)


def test_leaves_the_payload_out() -> None:
    assert json.loads(render(WHOLE, with_content=False))["payload"] == {}


def test_shows_that_the_payload_has_been_emptied() -> None:
    assert json.loads(render(WHOLE._replace(payload=None)))["payload"] == {"expired": True}


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        pytest.param(b' {"a":1}', b' {"a":1}', id="object"),
        pytest.param(b"<x/>", b'{"rawPayload":"<x/>"}', id="text"),
        pytest.param(b"[1]", b'{"rawPayload":"[1]"}', id="list"),
        pytest.param(b'{"a":', b'{"rawPayload":"{\\"a\\":"}', id="broken"),
    ],
)
def test_shows_any_text_within_an_object(payload: bytes, shown: bytes) -> None:
    assert as_object(payload) == shown
