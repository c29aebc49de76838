"""/operational-webhook/endpoint over HTTP: as svix's, and hidden from applications."""

from typing import Any

import pytest
from django.test import Client

from endpoints import operational
from endpoints.models import ApiKey, Endpoint, Organization, Tenant
from tests.integration.endpoints.conftest import ACTOR, Api, audited, page
from webhooks_platform.lib import ids

PATH = "/operational-webhook/endpoint"
URL = "https://receiver.example/operational"


@pytest.fixture
def made(api: Api) -> Any:
    return api("POST", PATH, {"url": URL, "uid": "ops"}, 201)


def test_the_first_one_makes_the_hidden_tenant_that_owns_it(
    api: Api, organization: Organization
) -> None:
    assert api("GET", PATH, status=200) == {"data": [], "iterator": None, "done": True}

    body = {"url": URL, "eventTypes": ["endpoint.disabled"], "headers": {"x-a": "1"}}
    made = api("POST", PATH, {**body, "metadata": {"a": "b"}, "throttleRate": 5}, 201)
    api("POST", PATH, {"url": URL}, 201)

    row = Endpoint.objects.order_by("id")[0]
    assert made == {
        "id": made["id"],
        "uid": None,
        "url": URL,
        "description": "",
        "disabled": False,
        "eventTypes": ["endpoint.disabled"],
        "filterTypes": ["endpoint.disabled"],
        "throttleRate": 5,
        "rateLimit": 5,
        "metadata": {"a": "b"},
        "version": 1,
        "createdAt": row.created_at.isoformat().replace("+00:00", "Z"),
        "updatedAt": row.updated_at.isoformat().replace("+00:00", "Z"),
    }
    tenant = Tenant.objects.get()
    assert (tenant.is_operational, tenant.organization) == (True, organization)
    assert [action for action, _ in audited()] == [
        "tenant.created",
        "endpoint.created",
        "endpoint.created",
    ]
    assert api("GET", f"{PATH}/{made['id']}", status=200) == made
    assert [row["id"] for row in api("GET", PATH, status=200)["data"]][1] == made["id"]


def test_the_tenant_is_no_application(api: Api, made: Any, organization: Organization) -> None:
    tenant = operational.find(organization.id)
    assert tenant is not None
    text = ids.to_text(ids.TENANT, tenant.id)

    assert api("GET", "/app", status=200)["data"] == []
    for path in (f"/app/{text}", f"/app/{text}/endpoint"):
        assert api("GET", path, status=404)["code"] == "not_found"
    assert api("POST", "/api-key", {"name": "k", "scopes": ["read"], "appId": text}, 422)
    assert ApiKey.objects.filter(tenant__isnull=False).count() == 0


def test_it_is_replaced_and_deleted(api: Api, made: Any) -> None:
    replaced = api("PUT", f"{PATH}/ops", {"url": URL, "uid": "ops", "disabled": True}, 200)
    created = api("PUT", f"{PATH}/other", {"url": URL, "uid": "new"}, 201)
    assert api("PUT", f"{PATH}/ops", {"url": URL, "uid": "new"}, 409)["code"] == "conflict"
    api("DELETE", f"{PATH}/{created['id']}", status=204)

    assert (replaced["id"], replaced["disabled"]) == (made["id"], True)
    assert api("GET", f"{PATH}/new", status=404)["code"] == "not_found"
    assert api("PUT", f"{PATH}/ep_nope", {"url": URL}, 404)["code"] == "not_found"
    assert [row["uid"] for row in api("GET", PATH, status=200)["data"]] == ["ops"]


def test_headers_are_set_patched_and_hidden_where_they_carry_credentials(
    api: Api, made: Any
) -> None:
    api("PUT", f"{PATH}/ops/headers", {"headers": {"x-a": "1", "authorization": "s"}}, 204)
    api("PATCH", f"{PATH}/ops/headers", {"headers": {"x-b": "2"}, "deleteHeaders": ["x-a"]}, 204)

    answer = api("GET", f"{PATH}/ops/headers", status=200)
    assert answer == {"headers": {"x-b": "2"}, "sensitive": ["authorization"]}
    refused = api("PUT", f"{PATH}/ops/headers", {"headers": {"host": "x"}}, 422)
    assert refused["detail"][0]["loc"] == ["body", "headers", "host"]
    assert api("GET", f"{PATH}/ops/headers", status=200) == answer


def test_the_secret_is_revealed_and_rotated(api: Api, made: Any) -> None:
    first = api("GET", f"{PATH}/ops/secret", status=200)["key"]
    rotated = api("POST", f"{PATH}/ops/secret/rotate", {}, 200)["key"]

    assert first != rotated
    assert api("GET", f"{PATH}/ops/secret", status=200) == {"key": rotated}
    assert [action for action, _ in audited()][-3:] == [
        "secret.revealed",
        "secret.rotated",
        "secret.revealed",
    ]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param({"url": URL, "eventTypes": ["invoice.paid"]}, "eventTypes", id="event type"),
        pytest.param({"url": URL, "eventTypes": []}, "eventTypes", id="no event type"),
        pytest.param({"url": "nope"}, "url", id="url"),
        pytest.param({}, "url", id="no url"),
    ],
)
def test_a_bad_one_is_refused_and_makes_nothing(api: Api, body: Any, place: str) -> None:
    answer = api("POST", PATH, body, 422)

    assert [fault["loc"] for fault in answer["detail"]] == [["body", place]]
    assert (Endpoint.objects.count(), Tenant.objects.count(), audited()) == (0, 0, [])


def test_only_the_organizations_keys_reach_it(
    made: Any, reader: Api, alice_api: Api, stranger: Api
) -> None:
    for path in (PATH, f"{PATH}/ops", f"{PATH}/ops/secret", f"{PATH}/ops/headers"):
        assert alice_api("GET", path, status=403)["code"] == "insufficient access"
    assert reader("GET", f"{PATH}/ops", status=200)["id"] == made["id"]
    assert reader("DELETE", f"{PATH}/ops", status=403)["code"] == "insufficient access"
    assert reader("GET", f"{PATH}/ops/secret", status=403)["code"] == "insufficient access"
    assert stranger("GET", f"{PATH}/ops", status=404)["code"] == "not_found"
    assert stranger("DELETE", f"{PATH}/{made['id']}", status=404)["code"] == "not_found"
    assert Endpoint.objects.filter(deleted_at__isnull=True).count() == 1


def test_of_two_that_make_the_tenant_at_once_one_does(organization: Organization) -> None:
    first = operational.find_or_create(organization.id, actor=ACTOR)

    assert operational._create(organization.id, ACTOR) == first
    assert Tenant.objects.count() == 1


def test_operators_see_the_tenant_marked_and_choose_among_its_types(
    root: Client, made: Any, organization: Organization
) -> None:
    tenant = operational.find(organization.id)
    assert tenant is not None
    shown = root.get(page("tenant_changelist")).content.decode()
    row = Endpoint.objects.get()
    form = {"url": URL, "metadata": "{}", "policy": "{}", "event_types": "endpoint.enabled"}

    refused = root.post(page("endpoint_change", row.pk), {**form, "event_types": "invoice.paid"})
    answer = root.post(page("endpoint_change", row.pk), form)

    assert "Operational webhooks" in shown and 'alt="True"' in shown
    assert "These don&#x27;t exist: invoice.paid" in refused.content.decode()
    row.refresh_from_db()
    assert (answer.status_code, row.event_types) == (302, ["endpoint.enabled"])
