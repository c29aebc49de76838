"""/app over HTTP: lists, strangers, scopes."""

from typing import Any

import pytest

from endpoints.models import AuditEntry, Endpoint, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, api_of
from webhooks_platform.lib import ids


def shown(tenant: Tenant) -> str:
    return ids.to_text(ids.TENANT, tenant.id)


def test_lists_page_both_ways_in_the_order_asked_for(api: Api, organization: Any) -> None:
    made = [shown(rows.tenant(name=str(number))) for number in range(5)]

    first = api("GET", "/app?limit=2", status=200)
    second = api("GET", f"/app?limit=2&iterator={first['iterator']}", status=200)
    back = api("GET", f"/app?limit=2&iterator={second['prevIterator']}", status=200)
    newest = api("GET", "/app?limit=3&order=descending", status=200)

    assert [app["id"] for app in first["data"]] == made[:2]
    assert (first["iterator"], first["prevIterator"], first["done"]) == (
        made[1],
        f"-{made[0]}",
        False,
    )
    assert [app["id"] for app in second["data"]] == made[2:4]
    assert (back["data"], back["done"]) == (first["data"], True)
    assert [app["id"] for app in newest["data"]] == made[:1:-1]


def test_a_list_shows_neither_strangers_nor_the_deleted(
    api: Api, stranger: Api, alice: Tenant
) -> None:
    api("POST", "/app", {"name": "gone", "uid": "gone"}, 201)
    api("DELETE", "/app/gone", status=204)

    assert [app["uid"] for app in api("GET", "/app", status=200)["data"]] == ["alice"]
    assert stranger("GET", "/app", status=200) == {"data": [], "iterator": None, "done": True}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("reference", ["alice", "the id"])
def test_a_stranger_finds_nothing(
    stranger: Api, alice: Tenant, method: str, reference: str
) -> None:
    name = shown(alice) if reference == "the id" else reference

    answer = stranger(method, f"/app/{name}", {"name": "taken"}, 404)

    assert answer == {"code": "not_found", "detail": "Entity not found"}
    alice.refresh_from_db()
    assert (alice.name, alice.version, alice.deleted_at) == ("Alice", 1, None)


def test_put_makes_an_application_by_a_uid_and_never_by_an_id(stranger: Api, alice: Tenant) -> None:
    stranger("PUT", f"/app/{shown(alice)}", {"name": "mine"}, 404)
    assert Tenant.objects.count() == 1
    created = stranger("PUT", "/app/alice", {"name": "mine"}, 201)

    alice.refresh_from_db()
    assert created["id"] != shown(alice)
    assert (alice.name, alice.version) == ("Alice", 1)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/app"),
        ("POST", "/app"),
        ("PUT", "/app/alice"),
        ("PATCH", "/app/alice"),
        ("DELETE", "/app/alice"),
        ("PATCH", "/app/nobody"),
    ],
)
def test_a_tenants_key_reads_its_application_only(
    alice_api: Api, alice: Tenant, charlie: Tenant, method: str, path: str
) -> None:
    answer = alice_api(method, path, {"name": "B"}, 403)

    assert answer["code"] == "insufficient access"
    assert alice_api("GET", "/app/alice", status=200)["uid"] == "alice"
    assert alice_api("GET", "/app/charlie", status=404)["code"] == "not_found"
    assert Tenant.objects.filter(version=1, deleted_at=None).count() == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/app"), ("PUT", "/app/x"), ("PATCH", "/app/x"), ("DELETE", "/app/x")],
)
def test_the_scope_is_judged_before_the_object_and_the_body(
    reader: Api, alice: Tenant, method: str, path: str
) -> None:
    assert reader(method, path, {"nonsense": 1}, 403)["code"] == "insufficient access"
    assert Tenant.objects.count() == 1


def test_a_publish_key_does_not_read(organization: Any, alice: Tenant) -> None:
    assert api_of(organization, "publish")("GET", "/app/alice", status=403)


@pytest.mark.parametrize("path", ["app_xyz", "app_zzzzzzzzzzzzzzzzzzzzzzzzzz", "nobody", "a%00b"])
def test_malformed_and_unknown_ids_are_404(api: Api, path: str) -> None:
    assert api("GET", f"/app/{path}", status=404)["code"] == "not_found"


def test_the_audit_names_key_and_request(api: Api) -> None:
    api("POST", "/app", {"name": "A"}, 201, headers={"x-request-id": "r-1"})

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.request_id) == (f"test ({api.key[:16]})", "r-1")
    assert not Endpoint.objects.exists()
