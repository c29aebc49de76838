"""/event-type over HTTP: the catalogue, its schemas and its archive."""

from typing import Any

import pytest

from endpoints.models import AuditEntry, EventType
from tests.integration.endpoints.conftest import Api, audited

SCHEMA = {"type": "object", "properties": {"amount": {"type": "number"}}}


@pytest.fixture
def paid(organization: Any) -> EventType:
    return EventType.objects.create(
        organization=organization, name="invoice.paid", description="d", schemas={"1": SCHEMA}
    )


def test_an_event_type_is_created_and_shown_as_svix_does(api: Api) -> None:
    body = {"name": "invoice.paid", "description": "Paid", "schemas": {"1": SCHEMA}}

    created = api("POST", "/event-type", {**body, "groupName": "billing"}, 201)

    row = EventType.objects.get()
    assert created == {
        "name": "invoice.paid",
        "description": "Paid",
        "archived": False,
        "deprecated": False,
        "schemas": {"1": SCHEMA},
        "validatePayloads": False,
        "featureFlag": None,
        "featureFlags": [],
        "groupName": "billing",
        "createdAt": row.created_at.isoformat().replace("+00:00", "Z"),
        "updatedAt": row.updated_at.isoformat().replace("+00:00", "Z"),
    }
    assert api("GET", "/event-type/invoice.paid/", status=200) == created
    assert [action for action, _ in audited()] == ["event_type.created"]
    assert AuditEntry.objects.get().detail == {"name": "invoice.paid"}


def test_a_second_of_the_same_name_is_a_conflict(api: Api, stranger: Api, paid: EventType) -> None:
    body = {"name": "invoice.paid", "description": "other"}

    assert api("POST", "/event-type", body, 409) == {
        "code": "event_type_exists",
        "detail": "An event_type with this name already exists",
    }
    paid.refresh_from_db()
    assert (paid.description, audited()) == ("d", [])
    assert stranger("POST", "/event-type", body, 201)["description"] == "other"


def test_creating_an_archived_one_takes_it_out_of_the_archive(api: Api, paid: EventType) -> None:
    api("DELETE", "/event-type/invoice.paid", status=204)

    body = {"name": "invoice.paid", "description": "again"}
    created = api("POST", "/event-type", body, 201)

    assert (created["archived"], created["description"], created["schemas"]) == (
        False,
        "again",
        None,
    )
    assert EventType.objects.get().id == paid.id


@pytest.mark.parametrize(
    ("changes", "place", "kind"),
    [
        pytest.param({"name": "a b"}, ["name"], "value_error", id="charset"),
        pytest.param({"name": "a" * 257}, ["name"], "value_error.max_length", id="long"),
        pytest.param({"description": None}, ["description"], "value_error.null", id="null"),
        pytest.param({"description": 1}, ["description"], "value_error", id="number"),
        pytest.param({"archived": 1}, ["archived"], "value_error", id="archived 1"),
        pytest.param({"schemas": []}, ["schemas"], "value_error", id="schemas list"),
        pytest.param({"schemas": {"1": 5}}, ["schemas", "1"], "value_error", id="no schema"),
        pytest.param(
            {"schemas": {"1": {"type": "nope"}}}, ["schemas", "1"], "value_error", id="bad type"
        ),
        pytest.param(
            {"schemas": {"2": {"$ref": "http://127.0.0.1:1/x"}}},
            ["schemas", "2"],
            "value_error",
            id="remote reference",
        ),
        pytest.param(
            {"schemas": {"2": {"$ref": "file:///etc/passwd"}}},
            ["schemas", "2"],
            "value_error",
            id="file reference",
        ),
        pytest.param(
            {"schemas": {"1": {"pattern": "("}}}, ["schemas", "1"], "value_error", id="pattern"
        ),
        pytest.param({"featureFlag": "a b"}, ["featureFlags", "0"], "value_error", id="flag"),
    ],
)
def test_a_bad_event_type_is_refused_by_its_place(
    api: Api, changes: dict[str, Any], place: list[str], kind: str
) -> None:
    answer = api("POST", "/event-type", {"name": "a", "description": "d", **changes}, 422)

    faults = [(fault["loc"], fault["type"]) for fault in answer["detail"]]
    assert faults == [(["body", *place], kind)]
    assert (EventType.objects.count(), audited()) == (0, [])


@pytest.mark.parametrize(
    ("sent", "one", "flags"),
    [
        pytest.param({"featureFlag": "x"}, "x", ["x"], id="the older name"),
        pytest.param({"featureFlags": ["y", "z"]}, "y", ["y", "z"], id="the newer name"),
        pytest.param({"featureFlag": "x", "featureFlags": ["y"]}, "y", ["y"], id="the list wins"),
        pytest.param({"featureFlag": None}, None, [], id="null"),
        pytest.param({"featureFlags": None}, None, [], id="null list"),
    ],
)
def test_feature_flags_are_taken_and_shown_under_both_names(
    api: Api, sent: dict[str, Any], one: str | None, flags: list[str]
) -> None:
    created = api("POST", "/event-type", {"name": "a", "description": "d", **sent}, 201)

    assert (created["featureFlag"], created["featureFlags"]) == (one, flags)


def test_put_replaces_all_and_creates_by_the_paths_name(api: Api, paid: EventType) -> None:
    replaced = api("PUT", "/event-type/invoice.paid", {"description": "new"}, 200)
    created = api("PUT", "/event-type/a.b", {"name": "ignored", "description": "n"}, 201)

    assert (replaced["description"], replaced["schemas"]) == ("new", None)
    assert created["name"] == "a.b"
    assert api("PUT", "/event-type/a%20b", {"description": "n"}, 404)["code"] == "not_found"
    assert EventType.objects.count() == 2


def test_patch_changes_only_what_it_names(api: Api, paid: EventType) -> None:
    patched = api("PATCH", "/event-type/invoice.paid", {"deprecated": True}, 200)

    assert (patched["deprecated"], patched["description"], patched["schemas"]) == (
        True,
        "d",
        {"1": SCHEMA},
    )
    assert AuditEntry.objects.get().detail == {"name": "invoice.paid", "changed": ["deprecated"]}


def test_deleting_archives_and_expunging_removes(api: Api, paid: EventType) -> None:
    api("DELETE", "/event-type/invoice.paid", status=204)
    assert EventType.objects.get().archived is True
    api("DELETE", "/event-type/invoice.paid?expunge=true", status=204)

    assert not EventType.objects.exists()
    assert api("GET", "/event-type/invoice.paid", status=404)["code"] == "not_found"
    assert api("DELETE", "/event-type/invoice.paid", status=404)["code"] == "not_found"
    assert [action for action, _ in audited()] == ["event_type.updated", "event_type.expunged"]


def test_lists_go_by_name_without_schemas_and_archive_unless_asked(
    api: Api, organization: Any
) -> None:
    for name in ("c", "a", "b"):
        EventType.objects.create(
            organization=organization, name=name, schemas={"1": SCHEMA}, archived=name == "b"
        )

    plain = api("GET", "/event-type?order=descending", status=200)
    full = api("GET", "/event-type?include_archived=true&with_content=true&limit=2", status=200)
    rest = api("GET", "/event-type?include_archived=true&iterator=b", status=200)

    assert [(row["name"], row["schemas"]) for row in plain["data"]] == [("a", None), ("c", None)]
    assert [(row["name"], row["schemas"]) for row in full["data"]] == [
        ("a", {"1": SCHEMA}),
        ("b", {"1": SCHEMA}),
    ]
    assert (full["iterator"], full["prevIterator"], full["done"]) == ("b", "-a", False)
    assert ([row["name"] for row in rest["data"]], rest["done"]) == (["c"], True)


def test_a_tenants_key_reads_what_no_flag_hides(
    alice_api: Api, organization: Any, paid: EventType
) -> None:
    EventType.objects.create(organization=organization, name="beta", feature_flags=["x"])

    assert [r["name"] for r in alice_api("GET", "/event-type", status=200)["data"]] == [
        "invoice.paid"
    ]
    assert alice_api("GET", "/event-type/beta", status=404)["code"] == "not_found"
    for method, path in (
        ("POST", "/event-type"),
        ("PUT", "/event-type/invoice.paid"),
        ("PATCH", "/event-type/invoice.paid"),
        ("DELETE", "/event-type/nobody"),
    ):
        answer = alice_api(method, path, {"name": "x", "description": "x"}, 403)
        assert answer["code"] == "insufficient access"
    assert (EventType.objects.count(), audited()) == (2, [])


def test_a_stranger_finds_nothing(stranger: Api, paid: EventType) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        stranger(method, "/event-type/invoice.paid", {"description": "taken"}, 404)
    stranger("PUT", "/event-type/invoice.paid", {"description": "of his own"}, 201)

    paid.refresh_from_db()
    assert (paid.description, paid.archived) == ("d", False)
    assert [r["name"] for r in stranger("GET", "/event-type", status=200)["data"]] == [
        "invoice.paid"
    ]


def test_the_flag_of_validation_stays_where_a_client_does_not_know_it(
    api: Api, paid: EventType
) -> None:
    patched = api("PATCH", "/event-type/invoice.paid", {"validatePayloads": True}, 200)
    replaced = api("PUT", "/event-type/invoice.paid", {"description": "new"}, 200)
    refused = api("PATCH", "/event-type/invoice.paid", {"validatePayloads": 1}, 422)
    lifted = api("PATCH", "/event-type/invoice.paid", {"validatePayloads": False}, 200)

    assert [shown["validatePayloads"] for shown in (patched, replaced, lifted)] == [
        True,
        True,
        False,
    ]
    assert refused["detail"][0]["loc"] == ["body", "validatePayloads"]
