"""Paths and methods: unknown ones are JSON errors, slashes never redirect, no bytes break it."""

import socket

import pytest

from deliveries.models import OpenDelivery
from endpoints.models import AuditEntry
from tests.integration.api.corpus.conftest import Complaints, World, filled
from tests.integration.api.operations import METHODS, operations, routed

ODD = [
    "%00",
    "a%00b",
    "%FF",
    "%ED%A0%80",
    "%C0%AF",
    "%F0%9F%92%A9",
    "..%2F..%2Fetc",
    "%2E%2E",
    "a%2Fb",
    "%0D%0AX-Evil:1",
    "app_",
    "app_%00",
    "ep_" + "z" * 26,
    "msg_" + "\u0661".encode().hex(),
    "'%22%3B--",
    "%25s",
    "x" * 3000,
]


@pytest.mark.parametrize("odd", ODD)
def test_what_names_nothing_is_404(world: World, complaints: Complaints, odd: str) -> None:
    before = AuditEntry.objects.count()

    for operation in operations():
        for name in {part[1:-1] for part in operation.path.split("/") if part[:1] == "{"}:
            answer = world.send(
                operation,
                b"{}" if operation.takes_body else None,
                path=world.path(operation, **{name: odd}),
            )
            # A PUT creates what is not there, and judges the body before the path or after it.
            wanted = (404, 422) if operation.takes_body else (404,)
            complaints.check(f"{operation} {name}={odd[:20]}", answer, *wanted)
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nowhere",
        "/app/alice/nowhere",
        "/app//endpoint",
        "//app",
        "/APP",
        "/app.json",
        "/app/alice/msg/batch/x",
        "/%00",
        "/%FF",
        "/app;x=1",
        "/" + "x" * 6000,
    ],
)
def test_an_unrouted_path_is_404_for_every_method(
    world: World, complaints: Complaints, path: str
) -> None:
    for method in METHODS:
        answer = world.http.request(method, f"/api/v1{path}")
        if complaints.check(f"{method} {path[:20]}", answer, 404):
            assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/nowhere", "/v1/app", "/webhooks/api/v1/app", "/.env", "/app"])
def test_beside_the_api_a_client_is_answered_in_json_too(
    world: World, complaints: Complaints, path: str
) -> None:
    """As when a server's URL was configured with a path, or without one."""
    for method in METHODS:
        complaints.check(path, world.http.request(method, path), 404)
    page = world.http.get(path, headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["content-type"][:9]) == (404, "text/html")


@pytest.mark.parametrize("method", [*METHODS, "TRACE", "PROPFIND"])
def test_another_method_is_405_and_told_which_there_are(
    world: World, complaints: Complaints, method: str
) -> None:
    before = AuditEntry.objects.count()

    for path, methods in routed().items():
        if method in methods:
            continue
        answer = world.http.request(method, filled(path, world.names), content=b"{}")
        if complaints.check(f"{method} {path}", answer, 405):
            assert answer.json()["code"] == "method_not_allowed"
            allowed = {each.strip() for each in answer.headers["allow"].split(",")}
            if not methods <= allowed and not path.endswith("/batch"):
                complaints.append(f"{path}: allows {allowed}, has {methods}")
    assert AuditEntry.objects.count() == before


def test_head_is_get_without_a_body(world: World, complaints: Complaints) -> None:
    for path, methods in routed().items():
        if "GET" in methods:
            whole = world.http.get(filled(path, world.names))
            head = world.http.head(filled(path, world.names))
            complaints.check(path, head, whole.status_code)


@pytest.mark.parametrize("end", ["/", "//", "/?limit=1", "?"])
def test_a_slash_at_the_end_makes_no_difference(
    world: World, complaints: Complaints, end: str
) -> None:
    for operation in operations():
        if operation.method == "DELETE" or (operation.method == "POST" and "limit" in end):
            continue
        body = b"[]" if operation.takes_body else None
        statuses = [
            world.send(operation, body, path=world.path(operation) + ending).status_code
            for ending in ("", end)
        ]
        # The first of two may have changed what the second one finds.
        if statuses[1] != statuses[0] and statuses not in ([200, 409], [202, 409]):
            complaints.append(f"{operation}{end}: {statuses}")


def test_no_answer_redirects(world: World, complaints: Complaints) -> None:
    for path in routed():
        for method in METHODS[:-1]:
            for end in ("", "/"):
                answer = world.http.request(method, filled(path, world.names) + end)
                if 300 <= answer.status_code < 400:
                    complaints.append(f"{method} {path}{end}: {answer.status_code}")


@pytest.mark.parametrize(
    "target",
    [
        b"/api/v1/app/\xff",
        b"/api/v1/app/\xc3\xa9/msg",
        b"/api/v1/app/a/msg?with_content=\xff",
        b"/api/v1/app?iterator=\x80",
        b"/api/v1/app/%",
        b"/api/v1/app/%zz/endpoint",
        b"/api/v1/app/a b",
        b"*",
        b"http://elsewhere.example/api/v1/app",
        b"//elsewhere.example/api/v1/app",
        b"/api/v1/" + b"a" * 60_000,
    ],
)
def test_no_bytes_in_the_request_line_break_it(world: World, target: bytes) -> None:
    port = world.http.base_url.port
    assert port is not None
    for method in (b"GET", b"POST"):
        head = b"Host: localhost\r\nAuthorization: Bearer " + world.key.encode()
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(
                method + b" " + target + b" HTTP/1.1\r\n" + head + b"\r\nConnection: close\r\n"
                b"Content-Length: 0\r\n\r\n"
            )
            status = connection.recv(4096).split()[1]
        # 4xx of the server itself, or ours; never 5xx, never a dropped connection.
        assert status[:1] in (b"2", b"4"), (target[:40], status)
    assert world.http.get("/api/v1/app").status_code == 200


def test_a_publish_to_a_wrong_path_stores_nothing(world: World) -> None:
    for path in ("/api/v1/app/alice/msg/x", "/api/v1/app/alice/msg/batch/", "/app/alice/msg"):
        world.http.post(path, json={"eventType": "a", "payload": {}})

    assert not OpenDelivery.objects.exists()
