"""/event-type/import/openapi over HTTP."""

from typing import Any

import pytest

from endpoints.models import EventType, Organization
from tests.integration.endpoints.conftest import Api, audited

PATH = "/event-type/import/openapi"
SCHEMA = {"type": "object", "properties": {"amount": {"type": "number"}}}


def spec(**types: Any) -> dict[str, Any]:
    """Return a document with a webhook for each schema."""
    hooks = {
        name.replace("_", "."): {
            "post": {
                "description": f"about {name}",
                "requestBody": {"content": {"application/json": {"schema": schema}}},
            }
        }
        for name, schema in types.items()
    }
    return {"openapi": "3.1.0", "webhooks": hooks}


def stored() -> dict[str, tuple[Any, bool]]:
    rows = EventType.objects.order_by("name")
    return {row.name: (row.schemas, row.archived) for row in rows}


def test_event_types_are_made_changed_and_left_alone(api: Api) -> None:
    made = api("POST", PATH, {"spec": spec(b=SCHEMA, a_b=True)}, 200)
    same = api("POST", PATH, {"spec": spec(b=SCHEMA, a_b=True)}, 200)
    changed = api("POST", PATH, {"spec": spec(b={"type": "array"})}, 200)

    assert made == {"data": {"modified": ["a.b", "b"]}}
    assert same == {"data": {"modified": []}}
    assert changed == {"data": {"modified": ["b"]}}
    assert stored() == {
        "a.b": ({"1": True}, False),
        "b": ({"1": SCHEMA, "2": {"type": "array"}}, False),
    }
    assert [action for action, _ in audited()] == [
        "event_type.created",
        "event_type.created",
        "event_type.updated",
    ]


def test_text_is_taken_too(api: Api) -> None:
    text = "openapi: 3.0.3\nx-webhooks:\n  a.b:\n    post: {description: d, deprecated: true}\n"

    assert api("POST", PATH, {"specRaw": text}, 200) == {"data": {"modified": ["a.b"]}}
    row = EventType.objects.get()
    assert (row.description, row.deprecated, row.schemas) == ("d", True, None)


def test_integers_of_any_length_are_taken(api: Api) -> None:
    schema = {"maximum": 10**29}

    assert api("POST", PATH, {"spec": spec(a=schema)}, 200) == {"data": {"modified": ["a"]}}
    assert stored() == {"a": ({"1": schema}, False)}


def test_a_dry_run_tells_and_changes_nothing(api: Api) -> None:
    api("POST", PATH, {"spec": spec(a=SCHEMA)}, 200)
    before, entries = stored(), audited()

    answer = api("POST", PATH, {"spec": spec(a=SCHEMA, b=True), "dryRun": True}, 200)

    assert answer == {
        "data": {
            "modified": [],
            "to_modify": [
                {
                    "name": "b",
                    "description": "about b",
                    "schemas": {"1": True},
                    "deprecated": False,
                    "groupName": None,
                    "featureFlags": [],
                }
            ],
        }
    }
    assert (stored(), audited()) == (before, entries)


def test_replace_all_archives_the_others_and_takes_back_what_is_described(api: Api) -> None:
    api("POST", PATH, {"spec": spec(a=True, b=True)}, 200)

    first = api("POST", PATH, {"spec": spec(a=True), "replaceAll": True}, 200)
    second = api("POST", PATH, {"spec": spec(b=True), "replaceAll": True}, 200)

    assert first == {"data": {"modified": ["b"]}}
    assert second == {"data": {"modified": ["a", "b"]}}
    assert stored() == {"a": ({"1": True}, True), "b": ({"1": True}, False)}


def test_what_the_document_does_not_say_is_kept(api: Api, organization: Organization) -> None:
    EventType.objects.create(
        organization=organization, name="a", group_name="g", feature_flags=["f"],
        schemas={"v": SCHEMA}, validates_payloads=True,
    )  # fmt: skip

    api("POST", PATH, {"spec": spec(a=SCHEMA)}, 200)

    row = EventType.objects.get()
    assert (row.group_name, row.feature_flags, row.validates_payloads) == ("g", ["f"], True)
    assert (row.description, row.schemas) == ("about a", {"v": SCHEMA})


@pytest.mark.parametrize("body", [{}, {"spec": None}, {"spec": spec(a=True), "specRaw": "x"}])
def test_exactly_one_document_has_to_be_given(api: Api, body: Any) -> None:
    assert api("POST", PATH, body, 400)["code"] == "invalid_spec"
    assert stored() == {}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"spec": {}}, ["spec", "openapi"]),
        ({"spec": spec(a={"$ref": "http://127.0.0.1:1/"})}, ["spec", "webhooks", "a", "post"]),
        ({"specRaw": ""}, ["specRaw"]),
        ({"specRaw": "a: ["}, ["specRaw"]),
        ({"spec": {"openapi": "3.1.0", "webhooks": {"a b": {"post": {}}}}}, ["spec", "webhooks"]),
        ({"spec": spec(a=True), "dryRun": 1}, ["dryRun"]),
        ({"spec": []}, ["spec"]),
    ],
)
def test_a_bad_document_is_refused_by_its_place_and_nothing_is_stored(
    api: Api, body: Any, place: list[str]
) -> None:
    (fault,) = api("POST", PATH, body, 422)["detail"]

    assert fault["loc"][1 : 1 + len(place)] == place
    assert (stored(), audited()) == ({}, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("openapi: 3.1.0\nx: !!bool q", "line 2: Tags (tag:yaml.org,2002:bool) are not taken."),
        (
            "openapi: 3.1.0\nwebhooks:\n  a: {post: {}}\n  a: {put: {}}",
            'line 4: The key "a" is there twice.',
        ),
    ],
)
def test_yaml_is_refused_by_its_line_and_nothing_is_stored(
    api: Api, text: str, message: str
) -> None:
    (fault,) = api("POST", PATH, {"specRaw": text}, 422)["detail"]

    assert fault["loc"] == ["body", "specRaw"]
    assert fault["msg"] == f"Not YAML that JSON could say, {message}"
    assert (stored(), audited()) == ({}, [])


def test_flags_and_groups_of_a_document_are_judged_as_by_hand(api: Api) -> None:
    bad = spec(a=True)
    bad["webhooks"]["a"]["post"] |= {
        "description": 5,
        "x-svix-feature-flags": ["a b"],
        "x-svix-group-name": 5,
    }

    faults = api("POST", PATH, {"spec": bad}, 422)["detail"]

    assert [fault["loc"][4:] for fault in faults] == [
        ["description"],
        ["featureFlags", "0"],
        ["groupName"],
    ]
    assert stored() == {}


def test_only_the_organizations_keys_may(reader: Api, alice_api: Api) -> None:
    for key in (reader, alice_api):
        assert key("POST", PATH, {"spec": spec(a=True)}, 403)["code"] == "insufficient access"
    assert stored() == {}
