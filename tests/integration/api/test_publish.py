"""Publishing through the real server, on real PostgreSQL."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from svix.api import ApplicationIn, MessageIn, Svix, SvixOptions

from deliveries.models import DeliveryStatus, Event, EventUid, OpenDelivery, SettledDelivery, Wait
from endpoints.models import Organization, Tenant
from tests import rows
from tests.integration.api.conftest import MESSAGE, Client, make_key
from tests.server import Server
from webhooks_platform.lib import ids
from webhooks_platform.models import IdempotencyKey


def events_of(tenant: Tenant) -> list[Event]:
    return list(Event.objects.filter(tenant_id=tenant.id).order_by("id"))


def test_stores_the_event_and_answers_with_it(client: Client, tenant: Tenant) -> None:
    payload = b'{ "a" :1.0, "z":"\\u00e9" }'
    body = b'{"eventType":"user.created","eventId":"e-1","channels":["x"],"payload":%b}' % payload

    answer = client.publish(str(tenant.uid), body)

    (event,) = events_of(tenant)
    assert answer.status_code == 202
    assert answer.json() == {
        "id": ids.to_text(ids.EVENT, event.id),
        "eventId": "e-1",
        "eventType": "user.created",
        "channels": ["x"],
        "payload": {"a": 1.0, "z": "é"},
        "timestamp": ids.timestamp(event.id).isoformat(timespec="microseconds")[:26] + "Z",
    }
    assert payload in answer.content
    assert bytes(event.payload or b"") == payload
    assert (event.event_type, event.uid, event.channels) == ("user.created", "e-1", ["x"])
    assert event.organization_id == tenant.organization_id
    assert EventUid.objects.get(tenant_id=tenant.id, uid="e-1").event_id == event.id


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_takes_the_longest_integers_with_either_sign(
    client: Client, tenant: Tenant, sign: bytes
) -> None:
    payload = b'{"a":' + sign + b"1" * 4300 + b"}"

    answer = client.publish(str(tenant.uid), b'{"eventType":"a","payload":' + payload + b"}")

    assert answer.status_code == 202
    assert [bytes(event.payload or b"") for event in events_of(tenant)] == [payload]


def test_keeps_what_the_headers_tell_of_the_request(client: Client, tenant: Tenant) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    answer = client.publish(
        str(tenant.uid), x_request_id="req-7", webhook_correlation_id="order 9", traceparent=trace
    )

    (event,) = events_of(tenant)
    assert answer.headers["x-request-id"] == "req-7"
    assert (event.request_id, event.correlation_id, event.traceparent) == (
        "req-7",
        "order 9",
        trace,
    )


def test_a_request_without_an_id_is_named_as_its_event(client: Client, tenant: Tenant) -> None:
    answer = client.publish(str(tenant.uid))

    (event,) = events_of(tenant)
    assert answer.headers["x-request-id"] == event.id.hex == event.request
    assert event.request_id is None


@pytest.mark.parametrize(
    ("values", "channels", "status"),
    [
        pytest.param({}, None, DeliveryStatus.PENDING, id="no filters"),
        pytest.param({"event_types": ["invoice.paid"]}, None, DeliveryStatus.PENDING, id="type"),
        pytest.param({"event_types": ["invoice"]}, None, None, id="other type"),
        pytest.param({"channels": ["a", "b"]}, ["b", "c"], DeliveryStatus.PENDING, id="channel"),
        pytest.param({"channels": ["a"]}, ["b"], None, id="other channel"),
        pytest.param({"channels": ["a"]}, None, None, id="channel wanted, none given"),
        pytest.param({}, ["a"], DeliveryStatus.PENDING, id="channel given, none wanted"),
        pytest.param(
            {"event_types": ["invoice.paid"], "channels": ["a"]}, ["b"], None, id="type only"
        ),
        pytest.param({"disabled_at": True}, None, DeliveryStatus.PARKED, id="disabled"),
        pytest.param({"deleted_at": True}, None, None, id="deleted"),
    ],
)
def test_makes_a_delivery_where_the_filters_match(
    client: Client,
    tenant: Tenant,
    values: dict[str, object],
    channels: list[str] | None,
    status: DeliveryStatus | None,
) -> None:
    now = datetime.now(UTC)
    endpoint = rows.endpoint(
        tenant, **{name: now if value is True else value for name, value in values.items()}
    )

    client.publish(str(tenant.uid), {**MESSAGE, "channels": channels})

    (event,) = events_of(tenant)
    kinds = (OpenDelivery, SettledDelivery)
    found = [row for kind in kinds for row in kind.objects.filter(tenant_id=tenant.id)]
    assert [row.status for row in found] == ([] if status is None else [status])
    for row in found:
        assert row.id == rows.delivery_id(event.id, endpoint.id)
        assert (row.event_id, row.endpoint_id, row.attempts) == (event.id, endpoint.id, 0)


def test_a_new_delivery_is_due_at_once(client: Client, tenant: Tenant) -> None:
    rows.endpoint(tenant)
    before = datetime.now(UTC)

    client.publish(str(tenant.uid))

    row = OpenDelivery.objects.get(tenant_id=tenant.id)
    assert before < row.next_attempt_at < before + timedelta(seconds=5)
    assert (row.wait, row.trigger, row.charged, row.faults, row.lost) == (Wait.SCHEDULE, 0, 0, 0, 0)
    assert (row.lease_id, row.scheduled_at, row.settled_as, row.replay_id) == (None,) * 4


def test_does_not_deliver_to_endpoints_of_others(client: Client, tenant: Tenant) -> None:
    rows.endpoint(rows.tenant(uid=f"not-{tenant.uid}"))

    client.publish(str(tenant.uid))

    (event,) = events_of(tenant)
    assert not OpenDelivery.objects.filter(event_id=event.id).exists()


def test_addresses_the_tenant_by_id_and_with_a_slash(client: Client, tenant: Tenant) -> None:
    by_id = client.publish(ids.to_text(ids.TENANT, tenant.id))
    with_slash = client.http.post(f"/app/{tenant.uid}/msg/", json=MESSAGE)

    assert (by_id.status_code, with_slash.status_code) == (202, 202)
    assert len(events_of(tenant)) == 2


def test_leaves_the_content_out_when_asked(client: Client, tenant: Tenant) -> None:
    answer = client.publish(str(tenant.uid), query="?with_content=false")

    assert answer.json()["payload"] == {}
    assert bytes(events_of(tenant)[0].payload or b"") == b'{"amount": 1}'


def test_sends_raw_text_in_place_of_the_payload(client: Client, tenant: Tenant) -> None:
    message = {**MESSAGE, "transformationsParams": {"rawPayload": "<é/>"}}

    answer = client.publish(str(tenant.uid), message)

    assert answer.json()["payload"] == {"rawPayload": "<é/>"}
    assert bytes(events_of(tenant)[0].payload or b"") == "<é/>".encode()


def test_notes_when_to_empty_the_payload(client: Client, tenant: Tenant) -> None:
    client.publish(str(tenant.uid), {**MESSAGE, "payloadRetentionPeriod": 7})
    client.publish(str(tenant.uid), {**MESSAGE, "payloadRetentionPeriod": 90})

    week, whole = events_of(tenant)
    assert week.payload_expires_at == ids.timestamp(week.id) + timedelta(days=7)
    assert whole.payload_expires_at is None


def test_creates_the_application_it_brings_along(client: Client, tenant: Tenant) -> None:
    uid = f"new-{tenant.uid}"
    message = {**MESSAGE, "application": {"name": "New", "uid": uid}}

    answers = [client.publish(uid, message) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(events_of(Tenant.objects.get(uid=uid, name="New"))) == 2


def test_50_parallel_equal_publishes_are_one_event(
    server: Server, key: str, tenant: Tenant
) -> None:
    rows.endpoint(tenant)

    answers = asyncio.run(parallel(server, key, tenant, [f"k-{tenant.uid}"] * 50))

    (event,) = events_of(tenant)
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (202, answers[0].content)
    }
    assert answers[0].json()["id"] == ids.to_text(ids.EVENT, event.id)
    assert OpenDelivery.objects.filter(tenant_id=tenant.id).count() == 1


async def parallel(
    server: Server, key: str, tenant: Tenant, keys: list[str]
) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=len(keys))
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=20) as http:
        sends = [
            http.post(
                f"/api/v1/app/{tenant.uid}/msg",
                json=MESSAGE,
                headers={"authorization": f"Bearer {key}", "idempotency-key": each},
            )
            for each in keys
        ]
        return await asyncio.gather(*sends)


def test_a_repeat_gets_the_first_answer_byte_for_byte(client: Client, tenant: Tenant) -> None:
    first, repeat = [client.publish(str(tenant.uid), idempotency_key="k-1") for _ in range(2)]

    assert (repeat.status_code, repeat.content) == (202, first.content)
    assert len(events_of(tenant)) == 1


def test_another_body_under_the_same_key_is_a_conflict(client: Client, tenant: Tenant) -> None:
    client.publish(str(tenant.uid), idempotency_key="k-1")

    other = client.publish(str(tenant.uid), {**MESSAGE, "payload": {}}, idempotency_key="k-1")

    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert len(events_of(tenant)) == 1


def test_a_key_of_one_path_or_organization_is_free_in_others(
    client: Client, connect: Callable[[str], Client], tenant: Tenant
) -> None:
    other = rows.tenant(uid=f"other-{tenant.uid}")
    elsewhere = Organization.objects.create(name="elsewhere")
    rows.tenant(organization=elsewhere, uid=tenant.uid)
    stranger = connect(make_key(elsewhere))

    senders = ((client, tenant), (client, other), (stranger, tenant))
    answers = [who.publish(str(to.uid), idempotency_key="k-1") for who, to in senders]

    assert len({answer.json()["id"] for answer in answers}) == 3


def test_a_failed_publish_leaves_its_key_free(client: Client, tenant: Tenant) -> None:
    client.publish(str(tenant.uid), {**MESSAGE, "eventId": "e-1"})

    refused = [
        client.publish(str(tenant.uid), {**MESSAGE, "eventId": "e-1"}, idempotency_key="k-1"),
        client.publish(str(tenant.uid), {**MESSAGE, "eventType": ""}, idempotency_key="k-1"),
    ]
    good = client.publish(str(tenant.uid), idempotency_key="k-1")

    assert [answer.status_code for answer in refused] == [409, 422]
    assert good.status_code == 202


def test_a_repeated_event_id_is_a_conflict(client: Client, tenant: Tenant) -> None:
    rows.endpoint(tenant)
    message = {**MESSAGE, "eventId": "e-1"}

    answers = [client.publish(str(tenant.uid), message) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 409]
    assert answers[1].json()["code"] == "conflict"
    assert len(events_of(tenant)) == 1
    assert OpenDelivery.objects.filter(tenant_id=tenant.id).count() == 1


def test_of_parallel_publishes_with_one_event_id_one_wins(
    server: Server, key: str, tenant: Tenant
) -> None:
    async def race() -> list[int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
            sends = [
                http.post(
                    f"/api/v1/app/{tenant.uid}/msg",
                    json={**MESSAGE, "eventId": "e-1"},
                    headers={"authorization": f"Bearer {key}", "idempotency-key": f"k-{number}"},
                )
                for number in range(20)
            ]
            return [answer.status_code for answer in await asyncio.gather(*sends)]

    statuses = asyncio.run(race())

    assert sorted(statuses) == [202] + [409] * 19
    assert len(events_of(tenant)) == 1
    (event,) = events_of(tenant)
    assert IdempotencyKey.objects.filter(event_id=event.id).count() == 1


def test_the_official_sdk_publishes(server: Server, key: str, tenant: Tenant) -> None:
    svix = Svix(key, SvixOptions(server_url=server.url))
    # The SDK has no way to close its connections.
    with svix._httpx_client:
        app = svix.application.get_or_create(ApplicationIn(name="SDK", uid=f"sdk-{tenant.uid}"))
        message = svix.message.create(
            app.id, MessageIn(event_type="invoice.paid", event_id="e-1", payload={"amount": 2})
        )

    event = Event.objects.get(id=ids.from_text(ids.EVENT, message.id))
    assert (event.uid, json.loads(bytes(event.payload or b""))) == ("e-1", {"amount": 2})
