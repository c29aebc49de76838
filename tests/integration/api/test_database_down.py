"""The server while PostgreSQL is away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from dev.embedded import EmbeddedStores
from tests.server import ROOT, Server, running_server

MESSAGE = {"eventType": "a", "payload": {}}
# Waits until it has ended.
_END_LOOKUPS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE application_name = 'webhooks-keys'
"""


@pytest.fixture
def environment(private_stores: EmbeddedStores) -> dict[str, str]:
    own = {"DATABASE_URL": private_stores.database_url, "REDIS_URL": private_stores.redis_url}
    manage(own, "migrate", "-v0")
    return own


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[Server]:
    with running_server(environment) as running:
        yield running


def manage(environment: dict[str, str], *arguments: str) -> str:
    settings = {"DJANGO_SETTINGS_MODULE": "webhooks_platform.settings"}
    command = [sys.executable, "manage.py", *arguments]
    own = {**os.environ, **environment, **settings}
    return subprocess.run(
        command, cwd=ROOT, env=own, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_answers_503_and_recovers_by_itself(
    private_stores: EmbeddedStores, environment: dict[str, str], server: Server
) -> None:
    key = manage(environment, "create_api_key", "--platform", "test")
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=20) as http:
        assert http.post("/app", json={"name": "n", "uid": "alice"}).status_code == 201
        assert http.post("/app/alice/msg", json=MESSAGE).status_code == 202

        private_stores.postgres.stop()
        refused = [http.post("/app/alice/msg", json=MESSAGE), http.get("/app/alice")]
        refused.append(http.get("/app/alice", headers={"authorization": f"Bearer {key[:-1]}-"}))
        private_stores.postgres.start()

        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
        assert until_accepted(http) == 202
        assert http.get("/app/alice").status_code == 200


def test_a_lookup_connection_that_died_unused_refuses_nobody(
    private_stores: EmbeddedStores, environment: dict[str, str], server: Server
) -> None:
    keys = [manage(environment, "create_api_key", "--platform", name) for name in ("a", "b")]
    first, second = ({"authorization": f"Bearer {key}"} for key in keys)
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=20) as http:
        tenant = {"name": "n", "uid": "bob"}
        assert http.post("/app", json=tenant, headers=first).status_code == 201
        assert http.post("/app/bob/msg", json=MESSAGE, headers=first).status_code == 202
        with psycopg.connect(private_stores.postgres.superuser_url, autocommit=True) as admin:
            assert admin.execute(_END_LOOKUPS).fetchall() == [(True,)]

        assert http.post("/app/bob/msg", json=MESSAGE, headers=second).status_code == 202


def until_accepted(http: httpx.Client) -> int:
    deadline = time.monotonic() + 10
    while (status := http.post("/app/alice/msg", json=MESSAGE).status_code) != 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return status
