"""What is not accepted: told exactly, and without a trace in the database."""

import json
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deliveries.models import Event, EventUid, OpenDelivery
from endpoints.models import ApiKey, Organization, Tenant
from tests import rows
from tests.integration.api.conftest import MESSAGE, Client, make_key
from tests.server import Server
from webhooks_platform.lib import ids
from webhooks_platform.models import IdempotencyKey

GOOD = json.dumps(MESSAGE).encode()


@pytest.fixture(autouse=True)
def nothing_stored(tenant: Tenant) -> Any:
    """Check after each test that what it refused left nothing."""
    rows.endpoint(tenant)
    keys = IdempotencyKey.objects.count()
    yield
    for model in (Event, EventUid, OpenDelivery):
        assert not model.objects.filter(tenant_id=tenant.id).exists()
    assert IdempotencyKey.objects.count() == keys


def deep(depth: int) -> bytes:
    return b'{"eventType":"a","payload":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(rb'{"eventType":"a","payload":{"a":"\u0000"}}', "nul", id="nul"),
        pytest.param(rb'{"eventType":"a","payload":{"a":"\ud800"}}', "surrogate", id="surrogate"),
        pytest.param(b'{"eventType":"a","payload":{"a":NaN}}', "nan", id="nan"),
        pytest.param(b'{"eventType":"a","payload":{"a":1e999}}', "number_range", id="1e999"),
        pytest.param(b'{"eventType":"a","payload":{"a":1,"a":2}}', "duplicate_key", id="duplicate"),
        pytest.param(deep(990), "depth", id="depth 990"),
        pytest.param(deep(100_000), "depth", id="depth 100,000"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, "bom", id="bom"),
        pytest.param(
            b'{"eventType":"a","payload":{"a":' + b"1" * 5000 + b"}}", "integer_length", id="digits"
        ),
        pytest.param(b'{"eventType":"a","payload":{"a":"\xff"}}', "utf8", id="not utf-8"),
        pytest.param(GOOD + b"x", "jsondecode", id="trailing text"),
        pytest.param(b"", "jsondecode", id="empty"),
    ],
)
def test_refuses_what_parsers_read_differently(
    client: Client, tenant: Tenant, body: bytes, kind: str
) -> None:
    answer = client.publish(str(tenant.uid), body, idempotency_key="k-1")

    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert (fault["type"], fault["loc"][0]) == (f"value_error.{kind}", "body")


def test_refuses_another_charset(client: Client, tenant: Tenant) -> None:
    answer = client.publish(str(tenant.uid), content_type="application/json; charset=utf-7")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "value_error.charset"


def test_refuses_another_content_type(client: Client, tenant: Tenant) -> None:
    answer = client.publish(str(tenant.uid), content_type="text/plain")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("query", "headers", "place"),
    [
        pytest.param("?with_content=1", {}, ["query", "with_content"], id="query"),
        pytest.param("", {"idempotency_key": "k" * 256}, ["header", "idempotency-key"], id="long"),
        pytest.param("", {"idempotency_key": ""}, ["header", "idempotency-key"], id="empty key"),
    ],
)
def test_names_the_place_outside_of_the_body(
    client: Client, tenant: Tenant, query: str, headers: dict[str, str], place: list[str]
) -> None:
    answer = client.publish(str(tenant.uid), query=query, **headers)

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, place)


@pytest.mark.parametrize(
    "app",
    [
        pytest.param("nobody", id="unknown uid"),
        pytest.param(ids.to_text(ids.TENANT, ids.new()), id="unknown id"),
        pytest.param("app_nonsense", id="malformed id"),
        pytest.param("%00", id="NUL"),
        pytest.param("%C3%A9", id="not ASCII"),
    ],
)
def test_knows_no_such_application(client: Client, app: str) -> None:
    answer = client.publish(app, idempotency_key="k-1")

    assert answer.status_code == 404
    assert answer.json() == {"code": "not_found", "detail": "Application not found"}


def test_a_deleted_application_is_not_there(client: Client, tenant: Tenant) -> None:
    Tenant.objects.filter(id=tenant.id).update(deleted_at=datetime.now(UTC))

    assert client.publish(str(tenant.uid)).status_code == 404


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="empty"),
        pytest.param("Basic YTpi", id="basic"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer whk_" + "0" * 56, id="unknown key"),
        pytest.param("Bearer é", id="not ASCII"),
    ],
)
def test_asks_for_a_key(client: Client, tenant: Tenant, authorization: str) -> None:
    answer = client.publish(str(tenant.uid), authorization=authorization.encode())  # type: ignore[arg-type]

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {"code": "authentication_failed", "detail": "Invalid token"}


@pytest.mark.parametrize("change", ["expired", "revoked", "forged"])
def test_refuses_a_key_that_is_no_longer_good(
    connect: Callable[[str], Client], organization: Organization, tenant: Tenant, change: str
) -> None:
    key = make_key(organization)
    past = datetime.now(UTC) - timedelta(seconds=1)
    column = {"expired": "expires_at", "revoked": "revoked_at"}.get(change)
    if column:
        ApiKey.objects.filter(prefix=key[:16]).update(**{column: past})
    else:
        key = key[:-1] + ("A" if key[-1] != "A" else "B")

    assert connect(key).publish(str(tenant.uid)).status_code == 401


def test_judges_the_scope_before_the_application(
    connect: Callable[[str], Client], organization: Organization
) -> None:
    answer = connect(make_key(organization, "manage")).publish("nobody")

    assert answer.status_code == 403
    assert answer.json()["code"] == "insufficient access"
    assert "publish" in answer.json()["detail"]


def test_a_tenants_key_reaches_no_other_tenant(
    connect: Callable[[str], Client], organization: Organization, tenant: Tenant
) -> None:
    own = rows.tenant(uid=f"own-{tenant.uid}")
    client = connect(make_key(organization, "publish", tenant=own))

    answers = [client.publish(str(each.uid)) for each in (tenant, own)]

    assert [answer.status_code for answer in answers] == [404, 202]


def test_a_stranger_does_not_see_the_application(
    connect: Callable[[str], Client], tenant: Tenant
) -> None:
    stranger = connect(make_key(Organization.objects.create(name="other")))

    for app in (str(tenant.uid), ids.to_text(ids.TENANT, tenant.id)):
        assert stranger.publish(app).status_code == 404


@pytest.mark.parametrize(
    ("application", "kind"),
    [
        pytest.param({"name": "n"}, "application_uid_missing", id="no uid"),
        pytest.param({"name": "n", "uid": "x"}, "application_uid_mismatch", id="other uid"),
        pytest.param({"name": "", "uid": "newcomer"}, None, id="no name"),
    ],
)
def test_makes_no_faulty_application(
    client: Client, application: dict[str, str], kind: str | None
) -> None:
    answer = client.publish("newcomer", {**MESSAGE, "application": application})

    (fault,) = answer.json()["detail"]
    assert answer.status_code == 422
    assert fault["loc"][:2] == ["body", "application"]
    assert kind is None or fault["type"] == f"value_error.{kind}"
    assert not Tenant.objects.filter(uid="newcomer").exists()


def test_a_tenants_key_makes_no_application(
    connect: Callable[[str], Client], organization: Organization, tenant: Tenant
) -> None:
    client = connect(make_key(organization, "publish", tenant=tenant))
    message = {**MESSAGE, "application": {"name": "n", "uid": "newcomer"}}

    assert client.publish("newcomer", message).status_code == 403
    assert not Tenant.objects.filter(uid="newcomer").exists()


def test_takes_1_mib_and_not_a_byte_more(client: Client, tenant: Tenant) -> None:
    refused = client.publish(str(tenant.uid), b'{"eventType":""}'.ljust(1_048_576))
    too_large = client.publish(str(tenant.uid), b'{"eventType":""}'.ljust(1_048_577))

    assert (refused.status_code, too_large.status_code) == (422, 413)
    assert too_large.json()["code"] == "payload_too_large"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_is_still_uploading_can_read_the_413(
    server: Server, key: str, tenant: Tenant, chunked: bool
) -> None:
    size = 8 * 1_048_576
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    head = (
        f"POST /api/v1/app/{tenant.uid}/msg HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    )
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size)) if chunked else bytes(size)

    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        answer = connection.recv(65536)

    assert re.match(rb"HTTP/1.1 413 ", answer)
    assert b'{"code":"payload_too_large"' in answer


def test_a_body_shorter_than_announced_is_not_taken(
    server: Server, key: str, tenant: Tenant
) -> None:
    head = (
        f"POST /api/v1/app/{tenant.uid}/msg HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(GOOD) + 5}\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + GOOD)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)

    assert b" 202 " not in answer
