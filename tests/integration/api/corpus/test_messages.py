"""A publish's own corners; what all routes share is in the other files."""

import pytest

from deliveries.models import Event
from tests.integration.api.corpus.conftest import World

MESSAGES = "/api/v1/app/alice/msg"


@pytest.mark.parametrize("uid", ["a.b", "a-b_c", "0", "x" * 256, "-", "..", "evt_1"])
def test_an_event_id_may_have_dots_which_are_never_signed(world: World, uid: str) -> None:
    answer = world.http.post(MESSAGES, json={"eventType": "a", "eventId": uid, "payload": {}})

    assert (answer.status_code, answer.json()["eventId"]) == (202, uid)
    assert "." not in answer.json()["id"]


@pytest.mark.parametrize("uid", ["", "a b", "a/b", "ä", "msg_1", "x" * 257, "\u0660"])
def test_what_is_no_event_id_is_refused(world: World, uid: str) -> None:
    before = Event.objects.count()

    answer = world.http.post(MESSAGES, json={"eventType": "a", "eventId": uid, "payload": {}})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "eventId"]
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b'{"a": 1.0,"z":"\\u00e9"}', id="spacing and escapes"),
        pytest.param(b'{"z":1,"a":1e2,"b":1.10,"-0":-0}', id="numbers and order"),
        pytest.param(b'{"n":' + b"9" * 4000 + b"}", id="4,000 digits"),
        pytest.param('{"é":"\u2028","😀":"\\ud83d\\ude00"}'.encode(), id="unicode"),
        pytest.param(b'{"x":' * 99 + b"{}" + b"}" * 99, id="depth 100"),
        pytest.param(b"{\r\n\t }", id="blanks"),
    ],
)
def test_the_payloads_bytes_are_kept(world: World, payload: bytes) -> None:
    body = b'{"eventType":"a","payload":' + payload + b"}"
    answer = world.http.post(MESSAGES, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 202
    assert bytes(Event.objects.latest("id").payload or b"") == payload
    assert payload in answer.content
