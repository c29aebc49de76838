"""deliverAt, tags, retention in hours and headers, published through the real server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from svix.api import MessageIn, MessageListOptions, Svix, SvixOptions
from svix.api.message import message_in_raw
from svix.models import BulkExpungeContentsIn, MessagePrecheckIn

from deliveries import message_headers
from deliveries.models import DeliveryStatus, Event, OpenDelivery, SettledDelivery, Wait
from endpoints.models import Tenant
from tests import rows
from tests.integration.api.conftest import MESSAGE, Client
from tests.server import Server
from webhooks_platform.lib import ids


def wire(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def later(**ahead: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=123456) + timedelta(**ahead)


def test_a_scheduled_event_is_stored_now_and_due_then(client: Client, tenant: Tenant) -> None:
    enabled = rows.endpoint(tenant)
    disabled = rows.endpoint(tenant, disabled_at=datetime.now(UTC))
    when = later(hours=3)

    answer = client.publish("alice", {**MESSAGE, "deliverAt": wire(when)})

    assert (answer.status_code, answer.json()["deliverAt"]) == (202, wire(when))
    event = Event.objects.get()
    assert event.deliver_at == when
    delivery = OpenDelivery.objects.get()
    assert (delivery.endpoint_id, delivery.next_attempt_at) == (enabled.id, when)
    assert (delivery.status, delivery.wait) == (DeliveryStatus.PENDING, Wait.DELIVER_AT)
    parked = SettledDelivery.objects.get()
    assert (parked.endpoint_id, parked.status) == (disabled.id, DeliveryStatus.PARKED)
    shown = client.http.get(f"/app/alice/msg/{event}").json()
    assert shown == answer.json()
    (listed,) = client.http.get("/app/alice/msg").json()["data"]
    assert listed == answer.json()
    (outlook,) = [
        row
        for row in client.http.get(f"/app/alice/msg/{event}/delivery").json()["data"]
        if row["status"] == "pending"
    ]
    assert (outlook["waitingFor"], outlook["nextAttempt"]) == ("deliver_at", wire(when))


def test_a_time_that_has_passed_means_now(client: Client, tenant: Tenant) -> None:
    rows.endpoint(tenant)

    answer = client.publish("alice", {**MESSAGE, "deliverAt": "2020-01-01T00:00:00Z"})

    assert (answer.status_code, answer.json()["deliverAt"]) == (202, "2020-01-01T00:00:00Z")
    delivery = OpenDelivery.objects.get()
    assert abs(datetime.now(UTC) - delivery.next_attempt_at) < timedelta(seconds=30)
    assert delivery.wait == Wait.SCHEDULE


def test_a_repeat_gets_the_same_bytes(client: Client, tenant: Tenant) -> None:
    message = {**MESSAGE, "deliverAt": wire(later(hours=1)), "tags": ["a,b", 'c"d', "é"]}

    first = client.publish("alice", message, idempotency_key="k")
    again = client.publish("alice", message, idempotency_key="k")

    assert (first.status_code, again.content) == (202, first.content)
    assert first.json()["tags"] == ["a,b", 'c"d', "é"]
    assert Event.objects.get().tags == ["a,b", 'c"d', "é"]


def test_a_batch_takes_them_for_each_message(client: Client, tenant: Tenant) -> None:
    rows.endpoint(tenant)
    when = later(days=1)
    messages: list[Any] = [
        {**MESSAGE, "deliverAt": wire(when), "tags": ["x"]},
        MESSAGE,
        {**MESSAGE, "deliverAt": wire(later(days=31))},
        {**MESSAGE, "transformationsParams": {"headers": {"host": "x"}}},
    ]

    data = client.post("/app/alice/msg/batch", {"messages": messages}).json()["data"]

    assert (data[0]["message"]["deliverAt"], data[0]["message"]["tags"]) == (wire(when), ["x"])
    assert {"deliverAt", "tags"}.isdisjoint(data[1]["message"])
    assert [entry["error"]["detail"][0]["loc"] for entry in data[2:]] == [
        ["body", "messages", "2", "deliverAt"],
        ["body", "messages", "3", "transformationsParams", "headers", "host"],
    ]
    assert OpenDelivery.objects.filter(next_attempt_at=when).count() == 1
    assert OpenDelivery.objects.count() == 2


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ({"deliverAt": "soon"}, ["body", "deliverAt"]),
        ({"tags": [""]}, ["body", "tags", "0"]),
        ({"payloadRetentionHours": 0}, ["body", "payloadRetentionHours"]),
        (
            {"transformationsParams": {"headers": {"webhook-id": "x"}}},
            ["body", "transformationsParams", "headers", "webhook-id"],
        ),
    ],
)
def test_a_refused_option_stores_nothing(
    client: Client, tenant: Tenant, option: Any, place: list[str]
) -> None:
    rows.endpoint(tenant)

    answer = client.publish("alice", {**MESSAGE, **option})

    assert answer.status_code == 422
    assert [fault["loc"] for fault in answer.json()["detail"]] == [place]
    assert not Event.objects.exists()
    assert not OpenDelivery.objects.exists()


def test_hours_of_retention_end_the_payload(client: Client, tenant: Tenant) -> None:
    client.publish("alice", {**MESSAGE, "payloadRetentionHours": 36})

    event = Event.objects.get()
    assert event.payload_expires_at == ids.timestamp(event.id) + timedelta(hours=36)


def test_headers_are_sealed_and_never_shown(client: Client, tenant: Tenant) -> None:
    headers = {"Authorization": "Bearer hush", "X-Trace": "7"}
    message = {**MESSAGE, "transformationsParams": {"headers": headers}}

    answer = client.publish("alice", message)

    event = Event.objects.get()
    stored = bytes(event.headers or b"")
    assert dict(message_headers.opened(stored, event_id=event.id)) == headers
    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM event e")
        assert "hush" not in cursor.fetchone()[0]
    assert "hush" not in answer.text + client.http.get(f"/app/alice/msg/{event}").text


def test_svix_own_client_sends_and_reads_them(server: Server, key: str, tenant: Tenant) -> None:
    svix = Svix(key, SvixOptions(server_url=server.url))
    when = later(hours=2)
    scheduled = MessageIn(
        event_type="a", payload={}, tags=["t"], deliver_at=when, payload_retention_hours=24
    )

    # The SDK has no way to close its connections.
    with svix._httpx_client:
        made = svix.message.create("alice", scheduled)
        raw = svix.message.create("alice", message_in_raw("a", "x,y", "text/csv"))
        found = svix.message.list("alice", MessageListOptions(tag="t")).data

    assert (made.tags, made.deliver_at) == (["t"], when)
    assert (raw.tags, raw.deliver_at) == (None, None)
    assert [(m.id, m.tags, m.deliver_at) for m in found] == [(made.id, ["t"], when)]
    event = Event.objects.get(id=ids.from_text(ids.EVENT, raw.id))
    opened = message_headers.opened(bytes(event.headers or b""), event_id=event.id)
    assert (opened, bytes(event.payload or b"")) == ((("content-type", "text/csv"),), b"x,y")


def test_svix_own_client_reaches_every_route_of_messages(
    server: Server, key: str, tenant: Tenant
) -> None:
    svix = Svix(key, SvixOptions(server_url=server.url))
    rows.endpoint(tenant)
    event = rows.event(tenant)

    with svix._httpx_client:
        active = svix.message.precheck("alice", MessagePrecheckIn(event_type="a")).active
        results = svix.message.bulk_expunge_content(
            "alice", BulkExpungeContentsIn(ids=[str(event), "none"])
        ).results
        task = svix.message.expunge_all_contents("alice")
        shown = svix.background_task.get(task.id)

    assert active is True
    assert {name: str(result) for name, result in results.items()} == {
        str(event): "expunged",
        "none": "not-found",
    }
    assert (str(task.task), str(task.status)) == ("application.purge_content", "running")
    assert (shown.id, shown.data) == (task.id, {"messagesPurged": 0})
