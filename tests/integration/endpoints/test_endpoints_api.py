"""/app/{app}/endpoint over HTTP: shapes, rules, refusals."""

from typing import Any

import pytest
from django.test import override_settings

from endpoints.models import Endpoint, EventType, SigningSecret, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, audited
from webhooks_platform import settings as platform_settings
from webhooks_platform.lib import ids, keyring

URL = "https://e.test/hook"
PATH = "/app/alice/endpoint"


def shown(endpoint: Endpoint) -> str:
    return ids.to_text(ids.ENDPOINT, endpoint.id)


def with_environment(**changes: Any) -> Any:
    environment = platform_settings.ENVIRONMENT.model_copy(update=changes)
    return override_settings(ENVIRONMENT=environment)


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:
    return rows.endpoint(alice, url=URL, uid="e")


def test_an_endpoint_is_created_and_shown_as_svix_does(api: Api, alice: Tenant) -> None:
    created = api("POST", PATH, {"url": "HTTPS://E.test", "uid": "e", "channels": ["a"]}, 201)

    row = Endpoint.objects.get()
    assert created == {
        "id": shown(row),
        "uid": "e",
        "url": "https://e.test/",
        "description": "",
        "disabled": False,
        "eventTypes": None,
        "filterTypes": None,
        "channels": ["a"],
        "throttleRate": None,
        "rateLimit": None,
        "metadata": {},
        "policy": {},
        "version": 1,
        "createdAt": row.created_at.isoformat().replace("+00:00", "Z"),
        "updatedAt": row.updated_at.isoformat().replace("+00:00", "Z"),
    }
    assert api("GET", f"{PATH}/e", status=200) == created
    assert api("GET", f"{PATH}/{shown(row)}/", status=200) == created
    assert audited() == [("endpoint.created", shown(row))]
    assert SigningSecret.objects.get().expires_at is None


def test_a_given_secret_and_headers_are_kept_encrypted(api: Api, alice: Tenant) -> None:
    body = {"url": URL, "secret": rows.SECRET, "headers": {"X-Mine": "m", "Authorization": "a"}}

    created = api("POST", PATH, body, 201)

    assert "secret" not in created
    assert api("GET", f"{PATH}/{created['id']}/secret", status=200) == {"key": rows.SECRET}
    assert api("GET", f"{PATH}/{created['id']}/headers", status=200) == {
        "headers": {"X-Mine": "m"},
        "sensitive": ["Authorization"],
    }
    row = Endpoint.objects.get()
    assert b"Mine" not in bytes(row.headers or b"")
    assert rows.SECRET.encode() not in bytes(row.secrets.get().ciphertext)


def test_credentials_in_the_url_are_kept_encrypted_and_never_shown(api: Api, alice: Tenant) -> None:
    created = api("POST", PATH, {"url": "https://u:p%40ss@e.test/"}, 201)

    row = Endpoint.objects.get()
    assert (created["url"], row.url) == ("https://e.test/", "https://e.test/")
    ring = keyring.configured()
    assert ring.open(row.userinfo or b"", bound_to=row.id) == b"u:p@ss"


def test_sending_the_shown_url_back_keeps_the_credentials_and_another_url_drops_them(
    api: Api, alice: Tenant
) -> None:
    created = api("POST", PATH, {"url": "https://u:p@e.test/"}, 201)
    path = f"{PATH}/{created['id']}"

    api("PUT", path, {"url": created["url"], "description": "d"}, 200)
    assert Endpoint.objects.get().userinfo is not None
    api("PATCH", path, {"url": "https://other.test/"}, 200)
    assert Endpoint.objects.get().userinfo is None


@pytest.mark.parametrize(
    ("changes", "place", "kind"),
    [
        pytest.param({"url": None}, ["url"], "value_error.null", id="url null"),
        pytest.param({"url": 1}, ["url"], "value_error", id="url number"),
        pytest.param({"url": "ftp://e.test/"}, ["url"], "value_error.url_not_allowed", id="scheme"),
        pytest.param({"url": f"{URL}#x"}, ["url"], "value_error.url_not_allowed", id="fragment"),
        pytest.param(
            {"url": "http://0x7f.1/"}, ["url"], "value_error.url_not_allowed", id="loopback"
        ),
        pytest.param(
            {"url": "http://169.254.169.254/"},
            ["url"],
            "value_error.url_not_allowed",
            id="metadata",
        ),
        pytest.param({"uid": "ep_1"}, ["uid"], "value_error", id="uid prefix"),
        pytest.param({"uid": "a/b"}, ["uid"], "value_error", id="uid charset"),
        pytest.param({"disabled": None}, ["disabled"], "value_error.null", id="disabled null"),
        pytest.param({"disabled": "true"}, ["disabled"], "value_error", id="disabled text"),
        pytest.param({"description": 1}, ["description"], "value_error", id="description"),
        pytest.param({"eventTypes": []}, ["eventTypes"], "value_error.empty", id="no types"),
        pytest.param({"filterTypes": []}, ["eventTypes"], "value_error.empty", id="old name"),
        pytest.param({"eventTypes": "a"}, ["eventTypes"], "value_error.not_a_list", id="text"),
        pytest.param({"eventTypes": ["nope"]}, ["eventTypes"], "value_error", id="unknown type"),
        pytest.param({"eventTypes": ["old"]}, ["eventTypes"], "value_error", id="archived type"),
        pytest.param({"channels": []}, ["channels"], "value_error.empty", id="no channels"),
        pytest.param({"channels": ["a b"]}, ["channels", "0"], "value_error", id="channel charset"),
        pytest.param(
            {"channels": [str(n) for n in range(11)]},
            ["channels"],
            "value_error.max_length",
            id="11 channels",
        ),
        pytest.param({"throttleRate": 0}, ["throttleRate"], "value_error.min_value", id="rate"),
        pytest.param({"metadata": {"a": None}}, ["metadata", "a"], "value_error.null", id="meta"),
        pytest.param({"policy": {"x": 1}}, ["policy", "x"], "value_error", id="policy"),
    ],
)
def test_a_bad_endpoint_is_refused_by_its_place(
    api: Api, endpoint: Endpoint, changes: dict[str, Any], place: list[str], kind: str
) -> None:
    EventType.objects.create(
        organization=endpoint.tenant.organization, name="old", description="", archived=True
    )
    for method, path in (("POST", PATH), ("PUT", f"{PATH}/e"), ("PATCH", f"{PATH}/e")):
        answer = api(method, path, {"url": URL, **changes}, 422)

        faults = [(fault["loc"], fault["type"]) for fault in answer["detail"]]
        assert faults == [(["body", *place], kind)]
    assert Endpoint.objects.get().version == 1
    assert audited() == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param({"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, ["secret"], id="no prefix"),
        pytest.param({"secret": "whsec_c2hvcnQ="}, ["secret"], id="short"),
        pytest.param({"secret": 1}, ["secret"], id="number"),
        pytest.param({"headers": {"Host": "x"}}, ["headers", "Host"], id="denied header"),
        pytest.param({"headers": {"A": "a", "a": "b"}}, ["headers", "a"], id="twice"),
    ],
)
def test_a_bad_secret_or_header_creates_nothing(
    api: Api, alice: Tenant, changes: dict[str, Any], place: list[str]
) -> None:
    answer = api("POST", PATH, {"url": URL, **changes}, 422)

    assert [fault["loc"] for fault in answer["detail"]] == [["body", *place]]
    assert "c2hvcnQ" not in str(answer)
    assert (Endpoint.objects.count(), SigningSecret.objects.count(), audited()) == (0, 0, [])


def test_missing_event_types_are_named(api: Api, alice: Tenant) -> None:
    EventType.objects.create(organization=alice.organization, name="a", description="")

    answer = api("POST", PATH, {"url": URL, "eventTypes": ["c", "a", "b"]}, 422)

    assert answer["detail"][0]["msg"] == "The following event types don't exist: b, c"
    created = api("POST", PATH, {"url": URL, "filterTypes": ["a", "a"]}, 201)
    assert created["eventTypes"] == created["filterTypes"] == ["a"]


def test_an_event_type_archived_since_may_stay_in_a_filter(api: Api, endpoint: Endpoint) -> None:
    organization = endpoint.tenant.organization
    EventType.objects.create(organization=organization, name="a", description="", archived=True)
    EventType.objects.create(organization=organization, name="b", description="")
    Endpoint.objects.update(event_types=["a"])

    patched = api("PATCH", f"{PATH}/e", {"eventTypes": ["a", "b"]}, 200)

    assert patched["eventTypes"] == ["a", "b"]


def test_an_event_type_of_another_organization_does_not_exist(
    api: Api, alice: Tenant, stranger_organization: Any
) -> None:
    EventType.objects.create(organization=stranger_organization, name="a", description="")

    assert api("POST", PATH, {"url": URL, "eventTypes": ["a"]}, 422)


def test_only_https_is_taken_where_the_operator_says_so(api: Api, alice: Tenant) -> None:
    with with_environment(WEBHOOKS_HTTPS_ONLY=True):
        answer = api("POST", PATH, {"url": "http://e.test/"}, 422)
        assert answer["detail"][0]["type"] == "value_error.url_not_allowed"
        api("POST", PATH, {"url": "https://e.test/"}, 201)
    assert Endpoint.objects.count() == 1


def test_the_platforms_own_address_is_refused_even_where_allowed(api: Api, alice: Tenant) -> None:
    with with_environment(
        WEBHOOKS_ALLOWED_NETWORKS=["127.0.0.0/8"], WEBHOOKS_PUBLIC_URL="http://127.0.0.1:8000"
    ):
        answer = api("POST", PATH, {"url": "http://127.0.0.1:8000/api/v1/app/a/msg"}, 422)
        assert answer["detail"][0]["type"] == "value_error.url_not_allowed"
        api("POST", PATH, {"url": "http://127.0.0.1:8001/"}, 201)
    assert Endpoint.objects.count() == 1
