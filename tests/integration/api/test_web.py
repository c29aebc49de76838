"""The server as a whole: what Django answers through it, and how it starts and ends."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from endpoints.models import Organization, Tenant
from tests.integration.api.conftest import MESSAGE, Client, make_key
from tests.server import Server, database_url, running_server
from webhooks_platform.web import DJANGO_THREADS


def test_answers_with_and_without_a_slash(client: Client, tenant: Tenant) -> None:
    answers = [client.http.get(f"/app/{tenant.uid}{end}") for end in ("", "/")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


def test_an_unrouted_path_is_a_404_in_json(client: Client) -> None:
    answer = client.http.get("/nowhere")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_another_method_on_the_publish_path_goes_to_django(client: Client, tenant: Tenant) -> None:
    answer = client.http.put(f"/app/{tenant.uid}/msg", json=MESSAGE)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_both_doors_refuse_alike(client: Client, connect: Callable[[str], Client]) -> None:
    stranger = connect("whk_no")
    pairs = [
        (stranger.publish("a"), stranger.http.post("/app", json={})),
        (client.publish("a", b'{"a":1,"a":2}'), client.http.post("/app", content=b'{"a":1,"a":2}')),
        (client.publish("a", bytes(1_048_577)), client.http.post("/app", content=bytes(1_048_577))),
    ]

    for door, django in pairs:
        assert (door.status_code, door.json()) == (django.status_code, django.json())
        for name in ("content-type", "www-authenticate", "content-security-policy"):
            assert door.headers.get(name) == django.headers.get(name)


@pytest.mark.parametrize("path", ["/app", "/app/nobody/msg"])
def test_gives_every_request_an_id(client: Client, path: str) -> None:
    own = client.http.post(path, headers={"x-request-id": "r-1"})
    made = [client.http.post(path).headers["x-request-id"] for _ in range(2)]

    assert own.headers["x-request-id"] == "r-1"
    assert len({*made}) == 2
    assert {len(each) for each in made} == {32}


def test_takes_a_chunked_body_to_django(client: Client) -> None:
    answer = client.http.post("/app", content=iter([b'{"name":', b'"chunked"}']))

    assert (answer.status_code, answer.json()["name"]) == (201, "chunked")


def test_takes_any_bytes_in_path_and_query(server: Server, key: str) -> None:
    head = f"Host: localhost\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    for target in (b"/api/v1/app?order=\xc3\xa9", b"/api/v1/app/%FF%00", b"/api/v1/app?limit=%FF"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\n" + head.encode())
            status = connection.recv(4096).split()[1]
        assert status in (b"422", b"404"), target


def test_lets_any_page_call_the_api(client: Client, tenant: Tenant) -> None:
    preflight = client.http.options(
        f"/app/{tenant.uid}/msg",
        headers={
            "origin": "https://portal.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        },
    )
    answers = [
        preflight,
        client.publish(str(tenant.uid), origin="https://portal.example"),
        client.http.get("/app", headers={"origin": "https://portal.example"}),
    ]

    assert [answer.status_code for answer in answers] == [204, 202, 200]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
    assert preflight.headers["access-control-allow-headers"] == "authorization"


def test_django_keeps_one_connection_for_each_thread(client: Client, server: Server) -> None:
    def backends() -> set[int]:
        with psycopg.connect(database_url()) as database:
            found = database.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'webhooks'"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            return {pid for (pid,) in found}

    def ask(_: int) -> int:
        return client.http.get("/app").status_code

    others = backends()
    with ThreadPoolExecutor(DJANGO_THREADS) as pool:
        assert set(pool.map(ask, range(60))) == {200}
    first = backends()
    with ThreadPoolExecutor(DJANGO_THREADS) as pool:
        assert set(pool.map(ask, range(60))) == {200}

    assert len(first - others) <= DJANGO_THREADS
    assert first <= backends()


def test_ends_in_order_and_answers_what_is_in_progress(
    organization: Organization, tenant: Tenant
) -> None:
    key = make_key(organization)
    with running_server({"DATABASE_URL": database_url()}) as server:
        with psycopg.connect(database_url()) as blocker:
            # The publish waits for this lock while the server is told to stop.
            blocker.execute("LOCK TABLE event_uid IN ACCESS EXCLUSIVE MODE")
            answers: list[int] = []
            thread = threading.Thread(target=lambda: answers.append(publish(server, key, tenant)))
            thread.start()
            wait_for_a_blocked_publish()
            server.process.send_signal(signal.SIGTERM)
        thread.join(20)
        status = server.process.wait(20)

    assert (answers, status) == ([202], 0)


def publish(server: Server, key: str, tenant: Tenant) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(
        "POST",
        f"/api/v1/app/{tenant.uid}/msg",
        b'{"eventType":"a","eventId":"e","payload":{}}',
        {"Authorization": f"Bearer {key}"},
    )
    with connection.getresponse() as answer:
        return answer.status


def wait_for_a_blocked_publish() -> None:
    deadline = time.monotonic() + 20
    with psycopg.connect(database_url(), autocommit=True) as database:
        while time.monotonic() < deadline:
            found = database.execute(
                "SELECT FROM pg_stat_activity WHERE application_name = 'webhooks-publish'"
                " AND wait_event_type = 'Lock'"
            )
            if found.fetchone() is not None:
                return
            time.sleep(0.02)
    raise AssertionError("no publish waits")


def test_its_workers_die_with_a_killed_parent(transactional_db: None) -> None:
    with running_server({"DATABASE_URL": database_url()}, "--workers", "2") as server:
        workers = server.worker_pids()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(20)

    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(workers) >= 2
    assert not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    """Zombies wait for whoever adopted them, and do nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_shows_its_openapi_document_and_pages(server: Server, client: Client) -> None:
    document = client.http.get("/openapi.json").json()
    page = client.http.get(f"{server.url}/docs")
    root = client.http.get(f"{server.url}/")

    publish = document["paths"]["/api/v1/app/{app_id}/msg"]["post"]
    assert set(publish["responses"]) >= {"202", "401", "403", "404", "409", "413", "422", "503"}
    assert (page.status_code, "swagger" in page.text) == (200, True)
    assert (root.status_code, root.headers["location"]) == (307, "/docs")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("path", ["/api/v1/app", "/api/v1/app/a/msg", "/api/v1/nowhere", "/admin/"])
@pytest.mark.parametrize(
    ("framing", "body"),
    [("Transfer-Encoding: chunked", b"zz\r\n"), ("Content-Length: 50", b"half")],
    ids=["broken chunk", "half-closed"],
)
def test_a_body_that_ends_early_is_a_400_in_json(
    server: Server, path: str, framing: str, body: bytes
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\n{framing}\r\n\r\n".encode())
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        with http.client.HTTPResponse(connection) as answer:
            answer.begin()
            text = answer.read()

    assert (answer.status, json.loads(text)["code"]) == (400, "incomplete_request")
