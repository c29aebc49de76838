"""/app/{app}/endpoint over HTTP: changes, endings, lists, strangers."""

from typing import Any

import pytest

from endpoints.models import AuditEntry, Endpoint, EndpointHealth, SigningSecret, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, audited
from webhooks_platform.lib import ids

URL = "https://e.test/hook"
PATH = "/app/alice/endpoint"


def shown(endpoint: Endpoint) -> str:
    return ids.to_text(ids.ENDPOINT, endpoint.id)


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:
    return rows.endpoint(alice, url=URL, uid="e")


def test_put_replaces_all_but_the_secret_and_creates_what_is_missing(
    api: Api, endpoint: Endpoint
) -> None:
    Endpoint.objects.update(description="d", channels=["a"], throttle_rate=3)

    replaced = api("PUT", f"{PATH}/e", {"url": URL, "secret": "ignored"}, 200)
    created = api("PUT", f"{PATH}/new", {"url": URL, "uid": "n"}, 201)

    assert (replaced["id"], replaced["uid"], replaced["description"]) == (shown(endpoint), None, "")
    assert (replaced["channels"], replaced["throttleRate"]) == (None, None)
    assert created["uid"] == "n"
    secret = api("GET", f"{PATH}/{shown(endpoint)}/secret", status=200)
    assert secret == {"key": rows.SECRET}
    assert api("PUT", f"{PATH}/ep_malformed", {"url": URL}, 404)["code"] == "not_found"


def test_patch_changes_only_what_it_names_and_null_clears(api: Api, endpoint: Endpoint) -> None:
    api("PATCH", f"{PATH}/e", {"channels": ["a"], "rateLimit": 4, "description": "d"}, 200)
    api("PATCH", f"{PATH}/e", {"channels": None, "throttleRate": None, "uid": None}, 200)

    endpoint.refresh_from_db()
    assert (endpoint.channels, endpoint.throttle_rate, endpoint.uid) == (None, None, None)
    assert (endpoint.url, endpoint.description, endpoint.version) == (URL, "d", 3)
    assert AuditEntry.objects.order_by("id").first().detail == {
        "changed": ["description", "channels", "throttle_rate"]
    }


def test_server_owned_fields_change_nothing(api: Api, endpoint: Endpoint, charlie: Tenant) -> None:
    api(
        "PATCH",
        f"{PATH}/e",
        {"id": "x", "tenant": str(charlie.id), "createdAt": "2001-01-01T00:00:00Z", "version": 7,
         "secret": "whsec_x", "disabled_reason": "gone"},
        200,
    )  # fmt: skip

    before, now = endpoint, Endpoint.objects.get()
    assert (now.tenant_id, now.created_at, now.version, now.disabled_reason) == (
        before.tenant_id,
        before.created_at,
        1,
        None,
    )
    assert audited() == []


def test_disabling_closes_and_enabling_forgets_past_exhaustion(
    api: Api, endpoint: Endpoint, closed: list[Any]
) -> None:
    EndpointHealth.objects.create(endpoint=endpoint, first_exhausted_at=endpoint.created_at)

    assert api("PATCH", f"{PATH}/e", {"disabled": True}, 200)["disabled"] is True
    api("PATCH", f"{PATH}/e", {"disabled": True}, 200)
    endpoint.refresh_from_db()
    assert (endpoint.disabled_reason, endpoint.version) == ("user", 2)
    assert closed == [([endpoint.id], "disabled")]

    assert api("PATCH", f"{PATH}/e", {"disabled": False}, 200)["disabled"] is False
    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, endpoint.disabled_reason) == (None, None)
    assert EndpointHealth.objects.get().first_exhausted_at is None
    assert [action for action, _ in audited()] == ["endpoint.disabled", "endpoint.enabled"]


def test_a_listener_that_fails_undoes_the_disabling(
    api: Api, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("parking failed")

    monkeypatch.setattr("endpoints.closing._listeners", [fail])

    assert api("PATCH", f"{PATH}/e", {"disabled": True}, 500)["code"] == "server_error"
    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, endpoint.version, audited()) == (None, 1, [])


def test_a_deleted_endpoint_is_gone_and_its_uid_free(
    api: Api, endpoint: Endpoint, closed: list[Any]
) -> None:
    assert api("DELETE", f"{PATH}/e", status=204) is None

    endpoint.refresh_from_db()
    assert (endpoint.deleted_at is not None, endpoint.uid, endpoint.version) == (True, None, 2)
    assert closed == [([endpoint.id], "deleted")]
    for method in ("GET", "PATCH", "DELETE"):
        assert api(method, f"{PATH}/{shown(endpoint)}", {}, 404)["code"] == "not_found"
    assert api("GET", PATH, status=200)["data"] == []
    api("POST", PATH, {"url": URL, "uid": "e"}, 201)


def test_a_uid_is_unique_in_the_tenant_and_not_beyond(
    api: Api, endpoint: Endpoint, charlie: Tenant
) -> None:
    conflict = api("POST", PATH, {"url": URL, "uid": "e"}, 409)

    assert conflict["code"] == "conflict"
    assert Endpoint.objects.count() == 1
    api("POST", "/app/charlie/endpoint", {"url": URL, "uid": "e"}, 201)
    other = api("POST", PATH, {"url": URL}, 201)
    assert api("PATCH", f"{PATH}/{other['id']}", {"uid": "e"}, 409)["code"] == "conflict"


def test_lists_are_newest_first_and_page_both_ways(api: Api, alice: Tenant) -> None:
    made = [shown(rows.endpoint(alice)) for _ in range(3)][::-1]

    first = api("GET", f"{PATH}?limit=2", status=200)
    second = api("GET", f"{PATH}?limit=2&iterator={first['iterator']}", status=200)
    back = api("GET", f"{PATH}?iterator={second['prevIterator']}", status=200)
    oldest = api("GET", f"{PATH}?order=ascending&limit=1", status=200)

    assert [row["id"] for row in first["data"]] == made[:2]
    assert ([row["id"] for row in second["data"]], second["done"]) == (made[2:], True)
    assert [row["id"] for row in back["data"]] == made[:2]
    assert [row["id"] for row in oldest["data"]] == made[2:]


@pytest.mark.usefixtures("charlie")
@pytest.mark.parametrize(
    "route",
    [
        "GET ",
        "PUT ",
        "PATCH ",
        "DELETE ",
        "GET /headers",
        "PUT /headers",
        "PATCH /headers",
        "GET /secret",
        "POST /secret/rotate",
    ],
)
@pytest.mark.parametrize("tenant", ["alice", "charlie"])
def test_a_stranger_finds_nothing(
    charlie_api: Api, stranger: Api, endpoint: Endpoint, route: str, tenant: str
) -> None:
    method, _, suffix = route.partition(" ")
    body = {"url": "https://taken.test/", "headers": {"A": "b"}}
    path = f"/app/{tenant}/endpoint/{shown(endpoint)}{suffix}"

    charlie_api(method, path, body, 404)
    stranger(method, path, body, 404)

    before = endpoint.updated_at
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.version, endpoint.updated_at) == (URL, 1, before)
    assert (endpoint.headers, endpoint.secrets.count(), endpoint.deleted_at) == (None, 1, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PATH),
        ("PUT", f"{PATH}/e"),
        ("PATCH", f"{PATH}/e"),
        ("DELETE", f"{PATH}/e"),
        ("PUT", f"{PATH}/e/headers"),
        ("PATCH", f"{PATH}/e/headers"),
        ("GET", f"{PATH}/e/secret"),
        ("POST", f"{PATH}/e/secret/rotate"),
        ("POST", "/app/nobody/endpoint/nothing/secret/rotate"),
    ],
)
def test_a_reader_is_refused_before_anything_is_looked_up(
    reader: Api, endpoint: Endpoint, method: str, path: str
) -> None:
    assert reader(method, path, {"nonsense": 1}, 403)["code"] == "insufficient access"
    assert (Endpoint.objects.get().version, SigningSecret.objects.count(), audited()) == (1, 1, [])


def test_a_tenants_key_manages_its_own_endpoints(alice_api: Api, alice: Tenant) -> None:
    created = alice_api("POST", PATH, {"url": URL}, 201)

    alice_api("PATCH", f"{PATH}/{created['id']}", {"description": "d"}, 200)
    alice_api("DELETE", f"{PATH}/{created['id']}", status=204)
