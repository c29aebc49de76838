"""Liveness and readiness over real stores, absent ones and ones that never answer."""

import socket
import time
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from webhooks_platform import health

pytestmark = pytest.mark.django_db

NOWHERE = "unix:///nowhere/redis.sock"


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """A server that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()


def lose_database(monkeypatch: pytest.MonkeyPatch, *, host: str, port: int | None = None) -> None:
    original = health.parameters

    def elsewhere(name: str) -> dict[str, object]:
        return original(name) | {"host": host} | ({"port": port} if port else {})

    monkeypatch.setattr(health, "parameters", elsewhere)


@pytest.mark.parametrize("path", ["/livez", "/livez/", "/readyz", "/api/v1/health"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_healthy_platform_answers_200(client: Client, path: str, method: str) -> None:
    assert getattr(client, method)(path).status_code == 200


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_ping_is_answered_without_content(client: Client, method: str) -> None:
    answer = getattr(client, method)("/api/v1/health/ping")

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/v1/health", "/api/v1/health/ping"])
def test_health_cannot_be_posted_to(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_readiness_names_every_part(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.json() == {
        "status": "ok",
        "database": "ok",
        "redis": "ok",
        "migrations": "ok",
    }
    assert answer["Cache-Control"] == "no-store"


def test_a_lost_redis_is_named(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = NOWHERE

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "database": "ok",
        "redis": "unreachable",
        "migrations": "ok",
    }


def test_a_lost_database_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_database(monkeypatch, host="/nowhere")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "database": "unreachable",
        "redis": "ok",
        "migrations": "unknown",
    }
    assert client.get("/livez").status_code == 200


def test_stores_that_never_answer_are_given_up_within_five_seconds(
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    silent: tuple[str, int],
) -> None:
    host, port = silent
    settings.REDIS_URL = f"redis://{host}:{port}/0"
    lose_database(monkeypatch, host=host, port=port)
    started = time.monotonic()

    answer = client.get("/readyz")

    assert time.monotonic() - started < 5
    assert answer.status_code == 503
    assert answer.json()["database"] == answer.json()["redis"] == "unreachable"


def test_a_missing_migration_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    known = health._known_migrations() | {("deliveries", "9999_later")}
    monkeypatch.setattr(health, "_known_migrations", lambda: known)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["migrations"] == "1 not applied"


def test_health_of_the_api_has_the_wires_form(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = NOWHERE

    answer = client.get("/api/v1/health")

    assert answer.status_code == 500
    assert answer.json() == {
        "database": {"status": "ok"},
        "queue": {"status": "ok"},
        "cache": {"status": "error"},
    }


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/v1/health", "/api/v1/health/ping"])
def test_other_methods_are_refused_in_the_apis_form(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path)

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["code"] == "method_not_allowed"
