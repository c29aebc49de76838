"""Headers that tenants choose (the same rules for every way in), and headers of requests."""

from typing import Any

import pytest

from endpoints.models import AuditEntry, Endpoint
from tests.integration.api.corpus.conftest import Complaints, World
from tests.integration.api.operations import operations
from webhooks_platform.models import IdempotencyKey

ENDPOINT = "/api/v1/app/alice/endpoint"
#: name -> value; each is refused alone.
REFUSED: list[tuple[str, Any]] = [
    # The platform's own.
    *((name, "1") for name in ("webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE")),
    *((name, "1") for name in ("webhook-hop", "svix-id", "Svix-Signature", "user-agent")),
    *((name, "1") for name in ("traceparent", "tracestate", "accept-encoding")),
    # What frames the request.
    *((name, "1") for name in ("Host", "Content-Length", "content-type", "Content-Encoding")),
    *((name, "chunked") for name in ("Transfer-Encoding", "TE", "Trailer", "trailers")),
    # Hop by hop.
    *((name, "1") for name in ("Connection", "Keep-Alive", "Upgrade", "Expect", "HTTP2-Settings")),
    *((name, "1") for name in ("Proxy-Authorization", "proxy-connection", "Cookie", "cookie2")),
    # What clouds' load balancers trust.
    *((name, "1") for name in ("X-Amz-Date", "x-amzn-trace-id", "X-Goog-A", "x-azure-a")),
    # No names.
    *((name, "1") for name in ("", " ", "a b", "a:b", "a\tb", "a\r\nb: c", "a\n", "ä", "(a)")),
    ("n" * 65, "1"),
    # No values.
    *(("x-a", value) for value in ("a\r\nx-evil: 1", "a\nb", "a\rb", "\x7f", "ä", "\u2028")),
    ("x-a", "v" * 4097),
    *(("x-a", value) for value in (1, True, [], {}, 1.5)),
]


@pytest.fixture
def header(world: World) -> World:
    """Give the endpoint a header that no refusal may change."""
    answer = world.http.put(f"{ENDPOINT}/hook-0/headers", json={"headers": {"X-Kept": "1"}})
    assert answer.status_code == 204
    return world


def ways(world: World, headers: dict[str, Any]) -> dict[str, Any]:
    own = f"{ENDPOINT}/hook-0/headers"
    made = {"url": "https://receiver.example/", "headers": headers}
    return {
        "PUT": world.http.put(own, json={"headers": headers}),
        "PATCH": world.http.patch(own, json={"headers": headers}),
        "POST": world.http.post(ENDPOINT, json=made),
    }


def test_a_header_is_refused_by_every_way_in(header: World, complaints: Complaints) -> None:
    before = AuditEntry.objects.count(), Endpoint.objects.count()

    for name, value in REFUSED:
        for way, answer in ways(header, {name: value}).items():
            what = f"{way} {name[:20]!r}: {str(value)[:20]!r}"
            if complaints.check(what, answer, 422):
                places = [fault["loc"][:2] for fault in answer.json()["detail"]]
                if places != [["body", "headers"]]:
                    complaints.append(f"{what}: {places}")
    kept = header.http.get(f"{ENDPOINT}/hook-0/headers").json()
    assert kept == {"headers": {"X-Kept": "1"}, "sensitive": []}
    assert (AuditEntry.objects.count(), Endpoint.objects.count()) == before


def test_twenty_headers_are_the_most_by_every_way_in(header: World, complaints: Complaints) -> None:
    for way, answer in ways(header, {f"x-{n}": "1" for n in range(21)}).items():
        complaints.check(way, answer, 422)
    # One more in a patch is counted with those that are there.
    patch = {"headers": {f"x-{n}": "1" for n in range(20)}}
    complaints.check("sum", header.http.patch(f"{ENDPOINT}/hook-0/headers", json=patch), 422)


def test_delete_headers_removes_and_null_removes(header: World) -> None:
    path = f"{ENDPOINT}/hook-0/headers"

    for patch in ({"headers": {}, "deleteHeaders": ["x-kept"]}, {"headers": {"X-KEPT": None}}):
        header.http.put(path, json={"headers": {"X-Kept": "1", "Y": "2"}})
        assert header.http.patch(path, json=patch).status_code == 204
        assert header.http.get(path).json()["headers"] == {"Y": "2"}


@pytest.mark.parametrize("key", ["", "k" * 256, "ä"])
def test_an_idempotency_key_has_1_to_255_characters(
    world: World, complaints: Complaints, key: str
) -> None:
    before = IdempotencyKey.objects.count(), AuditEntry.objects.count()

    for operation in operations():
        if operation.method == "POST":
            headers = {"idempotency-key": key.encode()}
            answer = world.send(operation, b"{}" if operation.takes_body else None, headers=headers)
            complaints.check(operation, answer, 422)
    assert (IdempotencyKey.objects.count(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize(
    "authorization",
    [b"", b"Bearer", b"Basic YTpi", b"Bearer \xff\xfe", b"Bearer a b", b"x" * 8000],
)
def test_without_a_good_key_every_route_is_401(
    world: World, complaints: Complaints, authorization: bytes
) -> None:
    before = AuditEntry.objects.count()

    for operation in operations():
        if operation.described["security"] != []:
            answer = world.send(operation, b"{}", headers={"authorization": authorization})
            complaints.check(operation, answer, 401)
            if answer.headers.get("www-authenticate") != "Bearer":
                complaints.append(f"{operation}: no challenge")
    assert AuditEntry.objects.count() == before


def test_a_foreign_host_is_400(world: World, complaints: Complaints) -> None:
    for operation in operations():
        if operation.method != "DELETE":
            answer = world.send(operation, b"{}", headers={"host": "elsewhere.example"})
            complaints.check(operation, answer, 400)


def test_no_answer_depends_on_what_the_client_accepts(world: World, complaints: Complaints) -> None:
    for operation in operations():
        if operation.method == "GET":
            plain = world.send(operation)
            for accept in ("text/html", "application/xml", "", "*/*;q=0"):
                answer = world.send(operation, headers={"accept": accept})
                complaints.check(f"{operation} {accept}", answer, plain.status_code)
