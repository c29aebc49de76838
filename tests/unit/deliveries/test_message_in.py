import json
from datetime import timedelta
from typing import Any

import pytest

from deliveries.api.message_in import MessageIn, parse_message
from webhooks_platform.api.errors import FieldError

GOOD = {"eventType": "invoice.paid", "payload": {"a": 1}}


def parse(**changes: Any) -> MessageIn:
    return parse_message(json.dumps({**GOOD, **changes}).encode())


def faults(body: bytes) -> list[tuple[str, str]]:
    with pytest.raises(FieldError) as caught:
        parse_message(body)
    return [(".".join(found["loc"]), found["type"]) for found in caught.value.faults]


def test_keeps_the_bytes_of_the_payload() -> None:
    payload = b'{ "a" :1.0, "z":"\\u00e9",\n"n":1e2 }'

    message = parse_message(b'{"eventType":"a","payload": ' + payload + b' ,"x":1}')

    assert message == MessageIn("a", None, None, payload, None, None, is_object=True)


def test_takes_data_for_payload() -> None:
    assert parse_message(b'{"eventType":"a","data":{"b": 1}}').payload == b'{"b": 1}'


def test_reads_every_field() -> None:
    message = parse(
        eventId="a.b-C_9", channels=["x", "y"], payloadRetentionPeriod=5, application={"name": "n"}
    )

    assert message == MessageIn(
        "invoice.paid",
        "a.b-C_9",
        ["x", "y"],
        b'{"a": 1}',
        timedelta(days=5),
        {"name": "n"},
        is_object=True,
    )


def test_sends_raw_text_in_place_of_the_payload() -> None:
    message = parse(transformationsParams={"rawPayload": "<é/>"})

    assert (message.payload, message.is_object) == ("<é/>".encode(), False)


def test_ignores_unknown_and_null_fields() -> None:
    message = parse(unknown=["t"], tags=[], eventId=None, transformationsParams={"headers": {}})

    assert message == parse()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"eventType": ""}, [("body.eventType", "value_error")], id="empty type"),
        pytest.param({"eventType": "a b"}, [("body.eventType", "value_error")], id="space"),
        pytest.param({"eventType": "é"}, [("body.eventType", "value_error")], id="not ASCII"),
        pytest.param({"eventType": "a\n"}, [("body.eventType", "value_error")], id="line end"),
        pytest.param({"eventType": "a" * 257}, [("body.eventType", "value_error")], id="257"),
        pytest.param({"eventType": 1}, [("body.eventType", "value_error.type")], id="number"),
        pytest.param({"eventType": None}, [("body.eventType", "value_error.required")], id="null"),
        pytest.param({"eventId": "msg_1"}, [("body.eventId", "value_error")], id="like an id"),
        pytest.param({"eventId": ""}, [("body.eventId", "value_error")], id="empty uid"),
        pytest.param({"channels": []}, [("body.channels", "value_error")], id="no channel"),
        pytest.param({"channels": ["a"] * 6}, [("body.channels", "value_error")], id="6 channels"),
        pytest.param({"channels": "a"}, [("body.channels", "value_error.type")], id="no list"),
        pytest.param({"channels": ["a", "b,c"]}, [("body.channels.1", "value_error")], id="comma"),
        pytest.param({"payload": []}, [("body.payload", "value_error.type")], id="list"),
        pytest.param({"payload": None}, [("body.payload", "value_error.type")], id="null payload"),
        pytest.param({"data": {}}, [("body.data", "value_error.duplicate_key")], id="both names"),
        pytest.param(
            {"payloadRetentionPeriod": 4}, [("body.payloadRetentionPeriod", "value_error")], id="4"
        ),
        pytest.param(
            {"payloadRetentionPeriod": 91},
            [("body.payloadRetentionPeriod", "value_error")],
            id="91",
        ),
        pytest.param(
            {"payloadRetentionPeriod": True},
            [("body.payloadRetentionPeriod", "value_error.type")],
            id="true",
        ),
        pytest.param(
            {"transformationsParams": {"rawPayload": 1}},
            [("body.transformationsParams.rawPayload", "value_error.type")],
            id="raw number",
        ),
        pytest.param(
            {"application": "x"}, [("body.application", "value_error.type")], id="application"
        ),
        pytest.param(
            {"eventType": "", "channels": []},
            [("body.eventType", "value_error"), ("body.channels", "value_error")],
            id="two faults",
        ),
    ],
)
def test_names_each_fault(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(json.dumps({**GOOD, **changes}).encode()) == expected


def test_names_what_is_missing() -> None:
    assert faults(b"{}") == [
        ("body.eventType", "value_error.required"),
        ("body.payload", "value_error.required"),
    ]


def test_refuses_what_is_no_object() -> None:
    assert faults(b"[]") == [("body", "value_error.type")]


def test_the_payload_may_be_100_deep() -> None:
    def body(depth: int) -> bytes:
        inner = b'{"a":' * depth + b"1" + b"}" * depth
        return b'{"eventType":"a","payload":' + inner + b"}"

    assert parse_message(body(100)).payload.startswith(b'{"a":')
    assert [kind for _, kind in faults(body(101))] == ["value_error.depth"]


def test_places_a_fault_inside_the_payload() -> None:
    body = b'{"eventType":"a","payload":{"b":[1,{"c":NaN}]}}'

    assert faults(body) == [("body.payload.b.1.c", "value_error.nan")]
