"""The routers of the `cells` drill: nginx with the documented configuration, and our own."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from dev.drills.rig import wait_for
from dev.drills.routers import Router, routing
from dev.guardian import Guardian
from dev.ports import free_port

HERE, THERE = "whk_c1abcdefghjk_secret", "whk_c2abcdefghjk_secret"
PATH = "/api/v1/app"


class Cell(BaseHTTPRequestHandler):
    """Answers its port, the method and what was sent."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        text = f"{self.server.server_port} {self.command} {self.path} ".encode() + body
        self.send_response(503 if self.path.endswith("/down") else 202)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def cells() -> Iterator[dict[str, int]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Cell) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    yield {f"c{number}": server.server_port for number, server in enumerate(servers, start=1)}
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["nginx", "our own"])
def router(
    request: pytest.FixtureRequest,
    cells: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Router]:
    if request.param == "our own":
        monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    guardian = Guardian()
    with routing(cells, tmp_path, guardian) as made:
        if made.name != request.param:
            pytest.skip("nginx is not installed")
        yield made
    guardian.close()


def ask(router: Router, key: str | None, path: str = PATH) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = httpx.post(f"{router.url}{path}", content=b"body", headers=headers)
    return answer.status_code, answer.text


def test_a_request_goes_to_the_cell_of_its_key(router: Router, cells: dict[str, int]) -> None:
    assert ask(router, HERE) == (202, f"{cells['c1']} POST {PATH} body")
    assert ask(router, THERE) == (202, f"{cells['c2']} POST {PATH} body")


@pytest.mark.parametrize("key", [None, "whk_c3abcdefghjk_secret", "whk_c1", "eyJhbGciOiJIUzI1NiJ9"])
def test_a_request_of_no_cell_is_answered_401(router: Router, key: str | None) -> None:
    assert ask(router, key)[0] == 401


def test_what_a_cell_answers_is_passed_on(router: Router, cells: dict[str, int]) -> None:
    assert ask(router, HERE, f"{PATH}/down") == (503, f"{cells['c1']} POST {PATH}/down body")


def test_a_key_that_has_moved_leads_to_its_new_cell(router: Router, cells: dict[str, int]) -> None:
    router.move(HERE, "c2")

    wait_for("moved key", lambda: ask(router, HERE)[1].startswith(str(cells["c2"])), within=10)
    assert ask(router, "whk_c1zzzzzzzzzz_other")[1].startswith(str(cells["c1"]))


@pytest.mark.parametrize("installed", [True, False])
def test_a_cell_that_is_not_there_is_a_502(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    if not installed:
        monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    nowhere = {"c1": free_port("127.0.0.1"), "c2": free_port("127.0.0.1")}
    guardian = Guardian()
    with routing(nowhere, tmp_path, guardian) as router:
        assert ask(router, HERE)[0] == 502
    guardian.close()
