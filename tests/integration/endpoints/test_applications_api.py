"""/app over HTTP: shapes, rules, refusals."""

from typing import Any

import pytest

from endpoints.models import AuditEntry, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, audited
from webhooks_platform.lib import ids


def shown(tenant: Tenant) -> str:
    return ids.to_text(ids.TENANT, tenant.id)


def test_an_application_is_created_and_shown_as_svix_does(api: Api) -> None:
    created = api("POST", "/app", {"name": "A", "uid": "a.1", "metadata": {"k": "v"}}, 201)

    row = Tenant.objects.get()
    assert created == {
        "id": shown(row),
        "uid": "a.1",
        "name": "A",
        "throttleRate": None,
        "metadata": {"k": "v"},
        "policy": {},
        "createdAt": row.created_at.isoformat().replace("+00:00", "Z"),
        "updatedAt": row.updated_at.isoformat().replace("+00:00", "Z"),
    }
    assert api("GET", "/app/a.1", status=200) == created
    assert api("GET", f"/app/{shown(row)}", status=200) == created
    assert audited() == [("tenant.created", shown(row))]


def test_a_trailing_slash_is_the_same_route(api: Api, alice: Tenant) -> None:
    assert api("GET", "/app/alice/", status=200)["uid"] == "alice"
    assert api("POST", "/app/", {"name": "B"}, 201)["name"] == "B"


def test_the_old_name_of_the_rate_is_taken_and_the_new_one_wins(api: Api) -> None:
    assert api("POST", "/app", {"name": "A", "rateLimit": 7}, 201)["throttleRate"] == 7
    both = {"name": "A", "rateLimit": 7, "throttleRate": 8}
    assert api("POST", "/app", both, 201)["throttleRate"] == 8


def test_unknown_and_server_owned_fields_change_nothing(api: Api) -> None:
    forged = {
        "name": "A",
        "id": "app_00000000000000000000000000",
        "createdAt": "2001-01-01T00:00:00Z",
        "organization": "other",
        "version": 9,
        "nope": 1,
    }

    created = api("POST", "/app", forged, 201)
    patched = api("PATCH", f"/app/{created['id']}", forged, 200)

    row = Tenant.objects.get()
    assert created["id"] == patched["id"] == shown(row) != forged["id"]
    assert (row.version, row.created_at.year > 2001, row.organization.is_default) == (1, True, True)


@pytest.mark.parametrize(
    ("body", "place", "kind"),
    [
        pytest.param({}, ["body", "name"], "value_error.required", id="no name"),
        pytest.param({"name": ""}, ["body", "name"], "value_error.blank", id="empty name"),
        pytest.param({"name": 5}, ["body", "name"], "value_error", id="a number"),
        pytest.param({"name": None}, ["body", "name"], "value_error.null", id="null"),
        pytest.param({"name": "a\x08"}, ["body", "name"], "value_error", id="control character"),
        pytest.param({"name": "a" * 1025}, ["body", "name"], "value_error.max_length", id="long"),
        pytest.param({"name": "a", "uid": "a b"}, ["body", "uid"], "value_error", id="uid charset"),
        pytest.param({"name": "a", "uid": "a\n"}, ["body", "uid"], "value_error", id="uid newline"),
        pytest.param(
            {"name": "a", "uid": ""}, ["body", "uid"], "value_error.blank", id="uid empty"
        ),
        pytest.param(
            {"name": "a", "uid": "a" * 257}, ["body", "uid"], "value_error.max_length", id="uid 257"
        ),
        pytest.param({"name": "a", "uid": "app_1"}, ["body", "uid"], "value_error", id="prefix"),
        pytest.param(
            {"name": "a", "throttleRate": 0},
            ["body", "throttleRate"],
            "value_error.min_value",
            id="rate 0",
        ),
        pytest.param(
            {"name": "a", "throttleRate": 2**31},
            ["body", "throttleRate"],
            "value_error.max_value",
            id="rate beyond the column",
        ),
        pytest.param(
            {"name": "a", "throttleRate": True}, ["body", "throttleRate"], "value_error", id="bool"
        ),
        pytest.param(
            {"name": "a", "metadata": {"k": 1}},
            ["body", "metadata", "k"],
            "value_error",
            id="value",
        ),
        pytest.param(
            {"name": "a", "metadata": {"k": "v" * 4096}},
            ["body", "metadata"],
            "value_error",
            id="metadata too large",
        ),
        pytest.param(
            {"name": "a", "policy": {"sendTimeout": 0}},
            ["body", "policy", "sendTimeout"],
            "value_error",
            id="policy",
        ),
        pytest.param({"name": "a", "policy": []}, ["body", "policy"], "value_error", id="list"),
        pytest.param([], ["body"], "value_error", id="no object"),
    ],
)
def test_a_bad_application_is_refused_by_its_place(
    api: Api, body: Any, place: list[str], kind: str
) -> None:
    answer = api("POST", "/app", body, 422)

    assert [(fault["loc"], fault["type"]) for fault in answer["detail"]] == [(place, kind)]
    assert answer["detail"][0]["msg"]
    assert not Tenant.objects.exists()
    assert audited() == []


def test_a_uid_is_unique_in_the_organization_and_not_beyond(
    api: Api, stranger: Api, alice: Tenant
) -> None:
    conflict = api("POST", "/app", {"name": "B", "uid": "alice"}, 409)

    assert conflict == {
        "code": "conflict",
        "detail": "An application with that id or uid already exists",
    }
    assert Tenant.objects.count() == 1
    assert stranger("POST", "/app", {"name": "B", "uid": "alice"}, 201)["uid"] == "alice"


def test_get_if_exists_answers_200_with_the_one_that_exists(api: Api, alice: Tenant) -> None:
    path = "/app?get_if_exists=true"

    found = api("POST", path, {"name": "new name", "uid": "alice"}, 200)
    assert (found["id"], found["name"]) == (shown(alice), "Alice")
    assert api("POST", path, {"name": "B", "uid": "b"}, 201)["name"] == "B"
    assert api("POST", path, {"name": "C"}, 201)["uid"] is None
    assert api("POST", "/app?get_if_exists=yes", {"name": "C"}, 422)["detail"][0]["loc"] == [
        "query",
        "get_if_exists",
    ]


def test_put_replaces_all_and_creates_what_is_missing(api: Api, alice: Tenant) -> None:
    alice.metadata = {"k": "v"}
    alice.save()

    replaced = api("PUT", "/app/alice", {"name": "A2"}, 200)
    created = api("PUT", "/app/nobody", {"name": "N", "uid": "n"}, 201)

    assert (replaced["id"], replaced["name"], replaced["uid"], replaced["metadata"]) == (
        shown(alice),
        "A2",
        None,
        {},
    )
    assert created["uid"] == "n"
    assert api("PUT", "/app/app_malformed", {"name": "N"}, 404)["code"] == "not_found"
    assert api("PUT", "/app/b%20d", {"name": "N"}, 404)["code"] == "not_found"
    assert Tenant.objects.count() == 2


def test_patch_changes_only_what_it_names_and_null_clears(api: Api, alice: Tenant) -> None:
    api("PATCH", "/app/alice", {"throttleRate": 5, "policy": {"retrySchedule": [1.5]}}, 200)
    patched = api("PATCH", "/app/alice", {"throttleRate": None, "uid": None}, 200)

    alice.refresh_from_db()
    assert (patched["name"], patched["uid"], patched["throttleRate"]) == ("Alice", None, None)
    assert (alice.policy, alice.version) == ({"retrySchedule": [1.5]}, 3)
    assert list(AuditEntry.objects.order_by("id").values_list("detail", flat=True)) == [
        {"changed": ["throttle_rate", "policy"]},
        {"changed": ["uid", "throttle_rate"]},
    ]


def test_a_patch_that_changes_nothing_leaves_no_trace(api: Api, alice: Tenant) -> None:
    api("PATCH", f"/app/{shown(alice)}", {"name": "Alice"}, 200)

    alice.refresh_from_db()
    assert (alice.version, audited()) == (1, [])


def test_a_deleted_application_is_gone_with_its_endpoints_and_its_uid_free(
    api: Api, alice: Tenant, charlie: Tenant, closed: list[Any]
) -> None:
    own, other = rows.endpoint(alice, uid="e"), rows.endpoint(charlie)

    assert api("DELETE", "/app/alice", status=204) is None

    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.deleted_at is not None, own.uid, own.version) == (True, None, 2)
    assert (other.deleted_at, other.version) == (None, 1)
    assert closed == [([own.id], "deleted")]
    assert api("GET", f"/app/{shown(alice)}", status=404)["code"] == "not_found"
    assert api("DELETE", f"/app/{shown(alice)}", status=404)["code"] == "not_found"
    assert api("POST", "/app", {"name": "A", "uid": "alice"}, 201)["uid"] == "alice"
    assert audited()[0] == ("tenant.deleted", shown(alice))
