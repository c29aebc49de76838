"""Publishes are checked by the catalogue: schemas that are required, and unknown event types."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from deliveries.models import Event, OpenDelivery
from endpoints import event_types, organizations, tenants
from endpoints.audit import Actor
from endpoints.models import EventType, Organization, Tenant
from tests import rows
from tests.integration.api.conftest import Client, make_key

BOB = Actor("bob")
SCHEMA = {
    "type": "object",
    "required": ["amount"],
    "properties": {"amount": {"type": "number"}, "lines": {"items": {"maxLength": 3}}},
}


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    """One that the server has not met yet, so that it remembers nothing of it."""
    return Organization.objects.create(name=str(uuid.uuid4()))


@pytest.fixture
def tenant(organization: Organization) -> Tenant:
    return rows.tenant(organization=organization, uid="alice")


@pytest.fixture
def client(connect: Callable[[str], Client], organization: Organization, tenant: Tenant) -> Client:
    return connect(make_key(organization))


def catalogued(organization: Organization, name: str = "invoice.paid", **values: Any) -> EventType:
    defaults: Any = {"description": "d", "schemas": {"1": {"type": "array"}, "2": SCHEMA}}
    return event_types.create(organization.id, name, {**defaults, **values}, actor=BOB)


def message(payload: Any, event_type: str = "invoice.paid", **more: Any) -> dict[str, Any]:
    return {"eventType": event_type, "payload": payload, **more}


BAD = message({"amount": "1", "lines": ["ab", "abcd"]})
FAULTS = [
    {
        "loc": ["body", "payload", "amount"],
        "msg": 'the value is not of type "number" '
        "(at /amount, rule /properties/amount/type of schema version 2)",
        "type": "value_error.schema",
    },
    {
        "loc": ["body", "payload", "lines", "1"],
        "msg": "the value is longer than 3 characters "
        "(at /lines/1, rule /properties/lines/items/maxLength of schema version 2)",
        "type": "value_error.schema",
    },
]


def test_a_payload_that_breaks_the_newest_schema_is_refused_whole(
    client: Client, organization: Organization, tenant: Tenant
) -> None:
    rows.endpoint(tenant)
    catalogued(organization, validates_payloads=True)

    refused = client.publish("alice", BAD)
    taken = client.publish("alice", message({"amount": 1}))

    assert (refused.status_code, refused.json()) == (422, {"detail": FAULTS})
    assert taken.status_code == 202
    assert (Event.objects.count(), OpenDelivery.objects.count()) == (1, 1)


def test_without_a_flag_nothing_is_checked(client: Client, organization: Organization) -> None:
    catalogued(organization)

    assert client.publish("alice", BAD).status_code == 202


def test_an_organization_can_require_it_of_all_types_with_a_schema(
    client: Client, organization: Organization
) -> None:
    catalogued(organization)
    catalogued(organization, "no.schema", schemas=None)
    organization.validates_payloads = True
    organizations.save(organization, changed=["validates_payloads"], actor=BOB)

    assert client.publish("alice", BAD).json() == {"detail": FAULTS}
    assert client.publish("alice", message({}, "no.schema")).status_code == 202
    assert client.publish("alice", message({}, "not.known")).status_code == 202


def test_a_bad_member_of_a_batch_fails_alone(client: Client, organization: Organization) -> None:
    catalogued(organization, validates_payloads=True)

    answer = client.post(
        "/app/alice/msg/batch", {"messages": [message({"amount": 1}), BAD, {"eventType": 1}]}
    )

    assert answer.status_code == 202
    first, second, third = answer.json()["data"]
    assert first["message"]["payload"] == {"amount": 1}
    wanted = [{**each, "loc": ["body", "messages", "1", *each["loc"][1:]]} for each in FAULTS]
    assert second["error"] == {"code": "validation_error", "detail": wanted}
    assert third["error"]["detail"][0]["loc"] == ["body", "messages", "2", "eventType"]
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "status"),
    [("no json", 422), ("[]", 422), ('{"amount": 1}', 202)],
)
def test_text_in_place_of_a_payload_is_checked_too(
    client: Client, organization: Organization, text: str, status: int
) -> None:
    catalogued(organization, validates_payloads=True)

    answer = client.publish("alice", message({}, transformationsParams={"rawPayload": text}))

    assert answer.status_code == status
    if status == 422:
        (fault,) = answer.json()["detail"]
        assert fault["loc"] == ["body", "transformationsParams", "rawPayload"]
        assert fault["type"] == "value_error.schema"
    assert Event.objects.count() == (status == 202)


def test_an_unknown_event_type_is_refused_where_the_tenant_says_so(
    client: Client, organization: Organization, tenant: Tenant
) -> None:
    catalogued(organization)
    archived = catalogued(organization, "invoice.old")
    event_types.update(archived, {"archived": True}, actor=BOB)
    tenants.update(tenant, {"policy": {"unknownEventTypes": "refuse"}}, actor=BOB)
    rows.tenant(organization=organization, uid="lenient")

    refused = client.publish("alice", message({}, "invoice.payed"))
    old = client.publish("alice", message({}, "invoice.old"))
    far = client.publish("alice", message({}, "zzz"))
    batch = client.post("/app/alice/msg/batch", {"messages": [message({}, "zzz")]})

    assert refused.status_code == 422
    assert refused.json()["detail"] == [
        {
            "loc": ["body", "eventType"],
            "msg": "The event type invoice.payed is not in the catalogue; "
            "do you mean invoice.paid?",
            "type": "value_error.unknown_event_type",
        }
    ]
    assert old.status_code == 422
    assert far.json()["detail"][0]["msg"] == "The event type zzz is not in the catalogue."
    assert batch.json()["data"][0]["error"]["code"] == "validation_error"
    assert Event.objects.count() == 0
    assert client.publish("alice", message({})).status_code == 202
    assert client.publish("lenient", message({}, "zzz")).status_code == 202


def test_a_refused_publish_does_not_use_up_its_idempotency_key(
    client: Client, organization: Organization
) -> None:
    catalogued(organization, validates_payloads=True)

    refused = client.publish("alice", BAD, idempotency_key="k")
    taken = client.publish("alice", message({"amount": 1}), idempotency_key="k")

    assert (refused.status_code, taken.status_code) == (422, 202)


def test_a_repeat_gets_its_first_answer_though_the_catalogue_has_changed(
    connect: Callable[[str], Client], organization: Organization, tenant: Tenant
) -> None:
    """The client lost that answer; told that it was refused, it would publish once more."""
    plain = connect(make_key(organization))
    taken = plain.publish("alice", BAD, idempotency_key="k-1")
    catalogued(organization, validates_payloads=True)
    # The server remembers the old catalogue for up to 4 s.
    deadline = time.monotonic() + 10
    while plain.publish("alice", BAD).status_code == 202:
        assert time.monotonic() < deadline
    repeated = plain.publish("alice", BAD, idempotency_key="k-1")
    other = plain.publish("alice", {**BAD, "channels": ["a"]}, idempotency_key="k-1")
    new = plain.publish("alice", BAD, idempotency_key="k-2")

    assert (taken.status_code, repeated.status_code) == (202, 202)
    assert repeated.content == taken.content
    assert (other.status_code, new.status_code) == (422, 422)
