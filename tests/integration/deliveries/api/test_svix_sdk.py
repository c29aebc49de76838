"""The official SDK against the read side, over a real socket."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from svix.api import (
    MessageAttemptListAttemptedMessagesOptions,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageGetOptions,
    MessageListOptions,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError

from deliveries.models import DeliveryStatus, Event, OpenDelivery, Trigger
from endpoints import api_keys
from endpoints.models import Endpoint, Tenant
from tests.integration.deliveries.rows import (
    make_attempt,
    make_endpoint,
    make_event,
    make_open,
    make_settled,
)
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def svix(live_server: LiveServer, alice: Tenant, hints: Any) -> Iterator[Svix]:
    _, key = api_keys.create(
        organization=alice.organization, name="sdk", scopes=["publish", "manage"]
    )
    sdk = Svix(key, SvixOptions(server_url=live_server.url))
    yield sdk
    # The server's threads, and their database connections, live as long as the SDK's sockets.
    sdk._httpx_client.close()


def test_messages_are_read_and_expunged(svix: Svix, alice: Tenant, event: Event) -> None:
    newer = make_event(alice, event_type="b")

    listed = svix.message.list("alice", MessageListOptions(limit=1, event_types=["b", "c"]))
    shown = svix.message.get("alice", "order-1", MessageGetOptions(with_content=True))
    svix.message.expunge_content("alice", "order-1")
    emptied = svix.message.get("alice", "order-1", MessageGetOptions(with_content=True))

    assert [row.id for row in listed.data] == [str(newer)]
    assert (listed.done, listed.iterator, listed.data[0].payload) == (True, str(newer), {})
    assert (shown.id, shown.payload, shown.channels) == (str(event), {"amount": 1.1}, ["eu"])
    assert shown.timestamp == ids.timestamp(event.id)
    assert emptied.payload == {"expired": True}


def test_attempts_are_read_and_expunged(svix: Svix, event: Event, endpoint: Endpoint) -> None:
    made = make_attempt(event, endpoint, status_code=503, trigger=Trigger.MANUAL)
    since = timezone.now() - timedelta(hours=1)

    by_endpoint = svix.message_attempt.list_by_endpoint(
        "alice", "hook", MessageAttemptListByEndpointOptions(after=since, status_code_class=500)
    )
    by_message = svix.message_attempt.list_by_msg(
        "alice", "order-1", MessageAttemptListByMsgOptions(endpoint_id="hook", status=2)
    )
    one = svix.message_attempt.get("alice", "order-1", str(made))
    svix.message_attempt.expunge_content("alice", "order-1", str(made))

    assert [row.id for row in by_endpoint.data] == [row.id for row in by_message.data] == [one.id]
    assert (one.response, by_message.data[0].response) == ("thanks", "")
    assert (one.status_text, one.trigger_type, one.response_duration_ms) == ("fail", 1, 12)
    assert svix.message_attempt.get("alice", "order-1", str(made)).response == "EXPUNGED"


def test_attempted_messages_and_destinations_are_listed(
    svix: Svix, alice: Tenant, event: Event, endpoint: Endpoint
) -> None:
    due = timezone.now() + timedelta(minutes=5)
    make_open(event, endpoint, attempts=1, next_attempt_at=due)
    delivered = make_endpoint(alice)
    make_settled(event, delivered, DeliveryStatus.DELIVERED)

    messages = svix.message_attempt.list_attempted_messages(
        "alice", "hook", MessageAttemptListAttemptedMessagesOptions(channel="eu")
    )
    destinations = svix.message_attempt.list_attempted_destinations("alice", "order-1")

    (message,) = messages.data
    assert (message.id, message.status, message.next_attempt) == (str(event), 3, due)
    first, second = destinations.data
    assert (first.uid, first.status_text, first.next_attempt) == ("hook", "sending", due)
    assert (second.url, second.status_text, second.next_attempt) == (
        delivered.url,
        "success",
        None,
    )


def test_resend_and_its_refusals_are_understood(
    svix: Svix, alice: Tenant, event: Event, endpoint: Endpoint
) -> None:
    disabled = make_endpoint(alice, uid="off", disabled_at=timezone.now())

    svix.message_attempt.resend("alice", "order-1", "hook")

    assert OpenDelivery.objects.get().endpoint_id == endpoint.id
    with pytest.raises(HTTPValidationError) as refused:
        svix.message_attempt.resend("alice", "order-1", str(disabled.uid))
    assert refused.value.detail[0].loc == ["path", "endpoint_id"]
    with pytest.raises(HttpError) as missing:
        svix.message_attempt.resend("alice", "order-1", "nowhere")
    assert (missing.value.status_code, missing.value.code) == (404, "not_found")
    svix.message.expunge_content("alice", "order-1")
    with pytest.raises(HttpError) as gone:
        svix.message_attempt.resend("alice", "order-1", "hook")
    assert (gone.value.status_code, gone.value.code) == (400, "missing_payload")
