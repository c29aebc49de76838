"""Many events in one request, through the real server."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import httpx
import pytest
from django.db import transaction

from deliveries.models import Event, EventUid, OpenDelivery
from endpoints.models import Organization, Tenant
from tests import rows
from tests.integration.api.conftest import MESSAGE, Client, make_key
from webhooks_platform.lib import ids
from webhooks_platform.models import IdempotencyKey


def batch(client: Client, messages: Any, *, query: str = "", **headers: str) -> httpx.Response:
    return client.post(f"/app/alice/msg/batch{query}", {"messages": messages}, **headers)


def test_stores_all_and_answers_in_order(client: Client, tenant: Tenant) -> None:
    rows.endpoint(tenant)
    messages = [{**MESSAGE, "eventId": f"e-{number}"} for number in range(1000)]

    answer = batch(client, messages)

    data = answer.json()["data"]
    events = Event.objects.order_by("id")
    assert answer.status_code == 202
    assert [entry["index"] for entry in data] == list(range(1000))
    assert [entry["message"]["eventId"] for entry in data] == [m["eventId"] for m in messages]
    assert [entry["message"]["id"] for entry in data] == [
        ids.to_text(ids.EVENT, event.id) for event in events
    ]
    assert OpenDelivery.objects.count() == 1000


def test_a_bad_member_fails_alone(client: Client, tenant: Tenant) -> None:
    client.publish("alice", {**MESSAGE, "eventId": "used"})
    members = [
        b'{"eventType":"a","payload":{ "n":1.0 }}',
        b'{"eventType":"","payload":{}}',
        b'{"eventType":"a","payload":{"a":{"b":1,"b":2}}}',
        b'{"eventType":"a","payload":{},"eventId":"used"}',
        b'{"eventType":"","payload":{},"eventId":"twice"}',
        b'{"eventType":"a","payload":{},"eventId":"twice"}',
        b'{"eventType":"a","payload":{},"eventId":"twice"}',
        b"7",
    ]

    answer = client.post("/app/alice/msg/batch", b'{"messages":[%b]}' % b",".join(members))

    data = answer.json()["data"]
    assert answer.status_code == 202
    assert [entry.get("error", {}).get("code") for entry in data] == [
        None,
        "validation_error",
        "validation_error",
        "conflict",
        "validation_error",
        None,
        "conflict",
        "validation_error",
    ]
    assert data[2]["error"]["detail"][0] == {
        "loc": ["body", "messages", "2", "payload", "a", "b"],
        "msg": "The key 'b' appears twice.",
        "type": "value_error.duplicate_key",
    }
    assert data[7]["error"]["detail"][0]["loc"] == ["body", "messages", "7"]
    assert sorted(event.uid or "" for event in Event.objects.all()) == ["", "twice", "used"]
    assert b'"payload":{ "n":1.0 }' in answer.content


def test_bad_members_only_are_still_202(client: Client, tenant: Tenant) -> None:
    answer = batch(client, [{}])

    assert (answer.status_code, Event.objects.count()) == (202, 0)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(b'{"messages":[]}', ["body", "messages"], id="empty"),
        pytest.param(
            json.dumps({"messages": [MESSAGE] * 1001}).encode(), ["body", "messages"], id="1,001"
        ),
        pytest.param(b"[]", ["body", "messages"], id="list"),
        pytest.param(b'{"messages":{}}', ["body", "messages"], id="no list"),
        pytest.param(b'{"messages":[{}', ["body", "messages", "0"], id="cut off"),
        pytest.param(b'{"messages":[{}],"a":1,"a":2}', ["body", "a"], id="fault around"),
        pytest.param(
            b'{"messages":[{"payload":NaN}]}', ["body", "messages", "0", "payload"], id="NaN"
        ),
    ],
)
def test_refuses_what_is_no_batch(
    client: Client, tenant: Tenant, body: bytes, place: list[str]
) -> None:
    answer = client.post("/app/alice/msg/batch", body, idempotency_key="k-1")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == place
    assert IdempotencyKey.objects.count() == 0


def test_one_key_covers_the_batch(client: Client, tenant: Tenant) -> None:
    first, repeat = [batch(client, [MESSAGE, {}, MESSAGE], idempotency_key="k-1") for _ in range(2)]
    other = batch(client, [MESSAGE], idempotency_key="k-1")

    assert (first.status_code, repeat.status_code, other.status_code) == (202, 202, 409)
    assert repeat.content == first.content
    assert Event.objects.count() == 2


def test_leaves_the_content_out_when_asked(client: Client, tenant: Tenant) -> None:
    answer = batch(client, [MESSAGE], query="?with_content=false")

    assert answer.json()["data"][0]["message"]["payload"] == {}


def test_needs_scope_and_application(
    client: Client, connect: Callable[[str], Client], organization: Organization
) -> None:
    assert batch(client, [MESSAGE], idempotency_key="k-1").status_code == 404
    assert batch(connect(make_key(organization, "manage")), [MESSAGE]).status_code == 403
    assert Event.objects.count() == IdempotencyKey.objects.count() == 0


def test_takes_8_mib(client: Client, tenant: Tenant) -> None:
    body = json.dumps({"messages": [MESSAGE]}).encode()

    answers = [
        client.post("/app/alice/msg/batch", body.ljust(8 * 1_048_576 + more)) for more in (0, 1)
    ]

    assert [answer.status_code for answer in answers] == [202, 413]


def test_a_member_that_would_be_too_large_alone_fails_alone(client: Client, tenant: Tenant) -> None:
    def member(size: int) -> bytes:
        start = b'{"eventType":"a","payload":{"a":"'
        return start.ljust(size - 3, b"x") + b'"}}'

    members = b",".join(member(size) for size in (100, 1_048_577, 1_048_576))

    alone = client.post("/app/alice/msg", member(1_048_577))
    answer = client.post("/app/alice/msg/batch", b'{"messages":[%b]}' % members)

    assert (alone.status_code, answer.status_code) == (413, 202)
    data = answer.json()["data"]
    assert data[1] == {"index": 1, "error": alone.json()}
    assert ["message" in entry for entry in data] == [True, False, True]
    assert Event.objects.count() == 2


def test_what_surrounds_a_member_that_is_too_large_is_judged(
    client: Client, tenant: Tenant
) -> None:
    large = b'{"eventType":"a","payload":{"a":"%b"}}' % (b"x" * 1_048_577)

    answer = client.post("/app/alice/msg/batch", b'{"messages":[%b],"a":1,"a":2}' % large)

    assert answer.json()["detail"][0]["loc"] == ["body", "a"]
    assert Event.objects.count() == 0


def test_a_batch_that_waits_does_not_hold_up_another(client: Client, tenant: Tenant) -> None:
    with ThreadPoolExecutor() as threads, transaction.atomic():
        EventUid.objects.create(tenant_id=tenant.id, uid="busy", event_id=ids.new())
        waiting = threads.submit(batch, client, [{**MESSAGE, "eventId": "busy"}])
        wait([waiting], timeout=0.2)
        beside = batch(client, [MESSAGE])
        assert not waiting.done()
        transaction.set_rollback(True)

    assert (beside.status_code, waiting.result().status_code) == (202, 202)
    assert sorted(str(event.uid) for event in Event.objects.all()) == ["None", "busy"]
