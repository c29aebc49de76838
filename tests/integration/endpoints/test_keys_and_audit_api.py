"""/api-key and /audit over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from endpoints import api_keys
from endpoints.models import ApiKey, AuditEntry, Organization, Tenant
from tests.integration.endpoints.conftest import Api, api_of
from webhooks_platform.lib import ids

FIELDS = {"id", "name", "prefix", "scopes", "appId", "createdAt", "expiresAt", "lastUsedAt"}
TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()


def test_a_key_is_made_shown_once_and_works(api: Api, alice: Tenant) -> None:
    body = {"name": "ci", "scopes": ["read"], "appId": "alice", "expiresAt": TOMORROW}

    made = api("POST", "/api-key", body, status=201)

    assert set(made) == {*FIELDS, "key"}
    assert (made["name"], made["scopes"], made["lastUsedAt"]) == ("ci", ["read"], None)
    assert made["appId"] == ids.to_text(ids.TENANT, alice.id)
    assert made["key"].startswith(made["prefix"] + "_")
    listed = api("GET", "/api-key", status=200)["data"]
    assert [set(row) for row in listed] == [FIELDS, FIELDS]
    assert listed[0]["id"] == made["id"]
    assert made["key"] not in str(listed)
    Api(made["key"])("GET", "/app/alice", status=200)
    Api(made["key"])("GET", "/app", status=403)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("api_key.created", made["id"])
    assert made["key"] not in str(entry.detail)


def test_a_repeat_under_one_idempotency_key_shows_the_key_again(api: Api) -> None:
    options = {"headers": {"idempotency-key": "k"}}
    body = {"name": "ci", "scopes": ["read"]}

    first = api("POST", "/api-key", body, status=201, **options)

    assert api("POST", "/api-key", body, status=201, **options) == first
    assert ApiKey.objects.filter(name="ci").count() == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"scopes": ["read"]}, ["name"]),
        ({"name": "", "scopes": ["read"]}, ["name"]),
        ({"name": " \t ", "scopes": ["read"]}, ["name"]),
        ({"name": "x" * 257, "scopes": ["read"]}, ["name"]),
        ({"name": "ci"}, ["scopes"]),
        ({"name": "ci", "scopes": []}, ["scopes"]),
        ({"name": "ci", "scopes": ["read", "root"]}, ["scopes", "1"]),
        ({"name": "ci", "scopes": ["read"], "appId": "nobody"}, ["appId"]),
        ({"name": "ci", "scopes": ["read"], "expiresAt": "2020-01-01T00:00:00Z"}, ["expiresAt"]),
        ({"name": "ci", "scopes": ["read"], "expiresAt": "soon"}, ["expiresAt"]),
        ({"name": "ci", "scopes": ["read", "publish"]}, ["scopes", "1"]),
    ],
)
def test_a_bad_key_is_refused_with_its_place(
    organization: Organization, body: dict[str, Any], place: list[str]
) -> None:
    manager = api_of(organization, "manage")

    answer = manager("POST", "/api-key", body, status=422)

    assert [fault["loc"] for fault in answer["detail"]] == [["body", *place]]
    assert ApiKey.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_a_key_makes_none_that_outlives_it(organization: Organization) -> None:
    end = timezone.now() + timedelta(hours=1)
    _, text = api_keys.create(
        organization=organization, name="brief", scopes=["manage"], expires_at=end
    )
    brief, body = Api(text), {"name": "ci", "scopes": ["read"]}

    later = (end + timedelta(microseconds=1)).isoformat()
    answer = brief("POST", "/api-key", {**body, "expiresAt": later}, status=422)
    assert answer["detail"] == [
        {
            "loc": ["body", "expiresAt"],
            "msg": "Must not be later than your own key's end.",
            "type": "value_error",
        }
    ]
    assert ApiKey.objects.count() == 1
    assert not AuditEntry.objects.exists()

    earlier = end - timedelta(minutes=1)
    for asked, ends in ((None, end), (end.isoformat(), end), (earlier.isoformat(), earlier)):
        made = brief("POST", "/api-key", {**body, "expiresAt": asked}, status=201)
        assert made["expiresAt"] == ends.isoformat().replace("+00:00", "Z")
        assert ApiKey.objects.latest("id").expires_at == ends


@pytest.mark.django_db(transaction=True)
def test_a_deleted_key_stops_working_and_is_listed_no_more(api: Api) -> None:
    made = api("POST", "/api-key", {"name": "ci", "scopes": ["read"]}, status=201)
    key = Api(made["key"])
    key("GET", "/app", status=200)

    assert api.send("DELETE", f"/api-key/{made['id']}").status_code == 204

    key("GET", "/app", status=401)
    assert len(api("GET", "/api-key", status=200)["data"]) == 1
    api("DELETE", f"/api-key/{made['id']}", status=404)
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["api_key.created", "api_key.revoked"]


def test_keys_are_the_organizations_own_affair(
    api: Api, alice_api: Api, reader: Api, stranger: Api
) -> None:
    made = api("POST", "/api-key", {"name": "ci", "scopes": ["read"]}, status=201)["id"]

    for client in (alice_api, reader):
        client("GET", "/api-key", status=403)
        client("POST", "/api-key", {"name": "x", "scopes": ["read"]}, status=403)
        client("DELETE", f"/api-key/{made}", status=403)
    stranger("DELETE", f"/api-key/{made}", status=404)
    assert made not in str(stranger("GET", "/api-key", status=200))
    assert ApiKey.objects.get(name="ci").revoked_at is None


def test_pages_and_bounds_of_keys(api: Api) -> None:
    for number in range(3):
        api("POST", "/api-key", {"name": f"k{number}", "scopes": ["read"]}, status=201)

    first = api("GET", "/api-key?limit=2", status=200)
    rest = api("GET", f"/api-key?iterator={first['iterator']}", status=200)

    assert [row["name"] for row in first["data"] + rest["data"]] == ["k2", "k1", "k0", "test"]
    later = TOMORROW.replace("+", "%2B")
    assert api("GET", f"/api-key?after={later}", status=200)["data"] == []
    assert len(api("GET", f"/api-key?before={later}", status=200)["data"]) == 4
    api("GET", "/api-key?before=soon", status=422)


def test_audit_entries_are_read_by_their_organization_and_application(
    api: Api, alice: Tenant, alice_api: Api, charlie_api: Api, stranger: Api
) -> None:
    headers = {"headers": {"x-request-id": "request-9"}}
    api("PATCH", "/app/alice", {"name": "Alice again"}, status=200, **headers)
    api("POST", "/event-type", {"name": "a.b", "description": ""}, status=201)

    entries = api("GET", "/audit", status=200)["data"]

    assert [entry["action"] for entry in entries] == ["event_type.created", "tenant.updated"]
    entry = entries[1]
    assert set(entry) == {"id", "at", "actor", "action", "target", "detail", "requestId"}
    assert entry["target"] == ids.to_text(ids.TENANT, alice.id)
    assert (entry["detail"], entry["requestId"]) == ({"changed": ["name"]}, "request-9")
    for client in (api, alice_api):
        assert client("GET", "/app/alice/audit", status=200)["data"] == [entry]
    alice_api("GET", "/audit", status=403)
    charlie_api("GET", "/app/alice/audit", status=404)
    assert stranger("GET", "/audit", status=200)["data"] == []
    api("GET", "/audit?iterator=ep_x", status=422)


def test_audit_takes_the_scope_read(organization: Organization, alice: Tenant) -> None:
    publisher = api_of(organization, "publish")

    publisher("GET", "/audit", status=403)
    publisher("GET", "/app/alice/audit", status=403)
