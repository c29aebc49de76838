"""…/headers and …/secret over HTTP."""

from typing import Any

import pytest

from endpoints import custom_headers
from endpoints.models import AuditEntry, Endpoint, SigningSecret, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, audited
from webhooks_platform.lib import ids

PATH = "/app/alice/endpoint/e"
KEYPAIR = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:
    return rows.endpoint(alice, uid="e")


def stored(endpoint: Endpoint) -> list[tuple[str, str]]:
    endpoint.refresh_from_db()
    return custom_headers.opened(endpoint)


def test_headers_are_replaced_as_a_whole_and_keep_their_case(api: Api, endpoint: Endpoint) -> None:
    assert api("GET", f"{PATH}/headers", status=200) == {"headers": {}, "sensitive": []}

    assert api("PUT", f"{PATH}/headers", {"headers": {"X-One": "1", "B": ""}}, 204) is None
    assert stored(endpoint) == [("X-One", "1"), ("B", "")]
    api("PUT", f"{PATH}/headers", {"headers": {"x-api-key": "k", "C": "c"}}, 204)

    assert api("GET", f"{PATH}/headers", status=200) == {
        "headers": {"C": "c"},
        "sensitive": ["x-api-key"],
    }
    assert endpoint.version == 2 and Endpoint.objects.get().version == 3
    assert [entry.detail for entry in AuditEntry.objects.order_by("id")] == [
        {"names": ["B", "X-One"]},
        {"names": ["B", "C", "X-One", "x-api-key"]},
    ]
    api("PUT", f"{PATH}/headers", {"headers": {}}, 204)
    assert Endpoint.objects.get().headers is None


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param({"headers": {"c": "3"}}, [("A", "1"), ("B", "2"), ("c", "3")], id="added"),
        pytest.param({"headers": {"a": "9"}}, [("B", "2"), ("a", "9")], id="case tells none apart"),
        pytest.param({"headers": {"A": None}}, [("B", "2")], id="null removes"),
        pytest.param({"headers": {}, "deleteHeaders": ["b"]}, [("A", "1")], id="deleteHeaders"),
        pytest.param({"deleteHeaders": ["x"]}, [("A", "1"), ("B", "2")], id="none of that name"),
        pytest.param({}, [("A", "1"), ("B", "2")], id="nothing"),
    ],
)
def test_headers_are_patched_one_by_one(
    api: Api, endpoint: Endpoint, patch: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    api("PUT", f"{PATH}/headers", {"headers": {"A": "1", "B": "2"}}, 204)

    api("PATCH", f"{PATH}/headers", patch, 204)

    assert stored(endpoint) == expected
    assert endpoint.version == (2 if expected == [("A", "1"), ("B", "2")] else 3)


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        pytest.param({"Content-Length": "1"}, "Content-Length", id="framing"),
        pytest.param({"webhook-id": "1"}, "webhook-id", id="ours"),
        pytest.param({"a b": "1"}, "a b", id="no token"),
        pytest.param({"": "1"}, None, id="no name"),
        pytest.param({"A": "a\r\nB: b"}, "A", id="injection"),
        pytest.param({"A": "ä"}, "A", id="not ASCII"),
        pytest.param({"A": "a" * 4097}, "A", id="too long"),
        pytest.param({"A": 1}, "A", id="a number"),
        pytest.param({str(n): "a" for n in range(21)}, None, id="21 of them"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_bad_header_is_refused_by_its_name(
    api: Api, endpoint: Endpoint, method: str, headers: dict[str, Any], name: str | None
) -> None:
    answer = api(method, f"{PATH}/headers", {"headers": headers}, 422)

    place = ["body", "headers", name] if name else ["body", "headers"]
    assert [fault["loc"] for fault in answer["detail"]] == [place]
    assert (stored(endpoint), endpoint.version, audited()) == ([], 1, [])


def test_headers_of_another_endpoint_cannot_be_read_and_can_be_replaced(
    api: Api, alice: Tenant, endpoint: Endpoint
) -> None:
    other = rows.endpoint(alice)
    Endpoint.objects.filter(id=endpoint.id).update(
        headers=custom_headers.sealed(other, [("A", "1")])
    )

    assert api("GET", f"{PATH}/headers", status=500)["code"] == "config_error"
    assert api("PATCH", f"{PATH}/headers", {"headers": {"B": "2"}}, 500)["code"] == "config_error"
    api("PUT", f"{PATH}/headers", {"headers": {"B": "2"}}, 204)
    assert stored(endpoint) == [("B", "2")]


def test_a_revealed_secret_is_recorded(api: Api, endpoint: Endpoint) -> None:
    assert api("GET", f"{PATH}/secret", status=200) == {"key": rows.SECRET}
    assert audited() == [("secret.revealed", ids.to_text(ids.ENDPOINT, endpoint.id))]


def test_a_rotation_answers_with_the_new_secret_and_keeps_the_old_one_for_a_day(
    api: Api, endpoint: Endpoint
) -> None:
    rotated = api("POST", f"{PATH}/secret/rotate", {}, 200)

    assert rotated["key"].startswith("whsec_") and rotated["key"] != rows.SECRET
    assert api("GET", f"{PATH}/secret", status=200) == rotated
    previous = SigningSecret.objects.get(expires_at__isnull=False)
    assert previous.expires_at is not None
    lasts = (previous.expires_at - SigningSecret.objects.latest("id").created_at).total_seconds()
    assert 86_399 < lasts < 86_401
    assert Endpoint.objects.get().version == 2
    assert AuditEntry.objects.earliest("id").detail == {"kind": "hmac", "graceSeconds": 86400}


def test_a_rotation_needs_no_body(api: Api, endpoint: Endpoint) -> None:
    assert api("POST", f"{PATH}/secret/rotate", None, 200)["key"].startswith("whsec_")


def test_of_an_ed25519_key_only_the_public_half_is_shown(api: Api, endpoint: Endpoint) -> None:
    body = {"key": KEYPAIR, "gracePeriodSeconds": 0}

    assert api("POST", f"{PATH}/secret/rotate", body, 200) == {"key": PUBLIC}
    assert api("GET", f"{PATH}/secret", status=200) == {"key": PUBLIC}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param({"key": "whsec_AAAA"}, "key", id="short key"),
        pytest.param({"key": PUBLIC}, "key", id="a public half"),
        pytest.param({"gracePeriodSeconds": -1}, "gracePeriodSeconds", id="negative"),
        pytest.param({"gracePeriodSeconds": 604_801}, "gracePeriodSeconds", id="over 7 days"),
        pytest.param({"gracePeriodSeconds": 1.5}, "gracePeriodSeconds", id="a fraction"),
    ],
)
def test_a_bad_rotation_changes_nothing(
    api: Api, endpoint: Endpoint, body: dict[str, Any], place: str
) -> None:
    answer = api("POST", f"{PATH}/secret/rotate", body, 422)

    assert [fault["loc"] for fault in answer["detail"]] == [["body", place]]
    assert SigningSecret.objects.get().expires_at is None
    assert (Endpoint.objects.get().version, audited()) == (1, [])


def test_the_eleventh_overlapping_rotation_is_refused(api: Api, endpoint: Endpoint) -> None:
    for _ in range(10):
        api("POST", f"{PATH}/secret/rotate", {}, 200)

    before = api("GET", f"{PATH}/secret", status=200)
    refused = api("POST", f"{PATH}/secret/rotate", {}, 400)

    assert refused["code"] == "limit_reached"
    assert api("GET", f"{PATH}/secret", status=200) == before
    assert (SigningSecret.objects.count(), Endpoint.objects.get().version) == (11, 11)
    # A leaked key can still be replaced at once.
    api("POST", f"{PATH}/secret/rotate", {"gracePeriodSeconds": 0}, 200)


def test_a_secret_swapped_in_from_another_endpoint_is_not_shown(
    api: Api, alice: Tenant, endpoint: Endpoint
) -> None:
    other = rows.endpoint(alice)
    SigningSecret.objects.filter(endpoint=endpoint).update(
        ciphertext=bytes(other.secrets.get().ciphertext)
    )

    assert api("GET", f"{PATH}/secret", status=500)["code"] == "config_error"
    assert audited() == []
    assert api("POST", f"{PATH}/secret/rotate", {"gracePeriodSeconds": 0}, 200)
    assert api("GET", f"{PATH}/secret", status=200)["key"].startswith("whsec_")
