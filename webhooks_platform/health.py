"""Liveness and readiness: quick, bounded, and never making work.

`/livez` says that the process answers; `/readyz` and `/api/v1/health` ask the stores. Without
Redis the platform still accepts and delivers, up to a second later; it is reported as not ready
all the same, for an operator has to hear of it.
"""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from http import HTTPStatus
from typing import Any

import psycopg
import redis
import structlog
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from redis.backoff import NoBackoff
from redis.retry import Retry

from webhooks_platform.api.safe_methods import View, only_safe
from webhooks_platform.lib.database import parameters

logger = structlog.get_logger()

#: Seconds for one step of a look at a store, and for all looks of one request together.
STEP_SECONDS = 2
ANSWER_WITHIN = 4.0
APPLIED = "SELECT app, name FROM django_migrations"
OK = "ok"
UNREACHABLE = "unreachable"

Migrations = frozenset[tuple[str, str]]

# A look that hangs in spite of its timeouts (a stopped server) costs a thread here, no answer.
_looks = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")


@cache
def _known_migrations() -> Migrations:
    loader = MigrationLoader(None)
    return frozenset(loader.disk_migrations)


def applied_migrations() -> Migrations:
    """Ask the database, over a fresh connection; raises psycopg.Error."""
    options = parameters("webhooks-health") | {"connect_timeout": STEP_SECONDS}
    options["options"] = f"-c statement_timeout={STEP_SECONDS * 1000}"
    with psycopg.connect(**options) as connection:
        return frozenset((app, name) for app, name in connection.execute(APPLIED).fetchall())


def ping_redis() -> bool:
    """Ask Redis, over a fresh connection; raises redis.RedisError."""
    with redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=STEP_SECONDS,
        socket_connect_timeout=STEP_SECONDS,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        return bool(client.ping())


def _state() -> dict[str, str]:
    """Return what is wrong with each part, or OK, within ANSWER_WITHIN seconds."""
    deadline = time.monotonic() + ANSWER_WITHIN
    database, hints = _looks.submit(applied_migrations), _looks.submit(ping_redis)
    state = {
        "database": _result("database", database, deadline),
        "redis": _result("redis", hints, deadline),
        "migrations": "unknown",
    }
    if state["database"] == OK:
        missing = _known_migrations() - database.result()
        state["migrations"] = f"{len(missing)} not applied" if missing else OK
    return state


def _result(part: str, future: Future[Any], deadline: float) -> str:
    """The error's text may hold an address or a user; the log gets its type, the client nothing."""
    try:
        future.result(max(0.0, deadline - time.monotonic()))
    except (psycopg.Error, redis.RedisError, OSError) as error:
        logger.warning("not_ready", part=part, exception_type=type(error).__name__)
        return UNREACHABLE
    return OK


def livez(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200, or 503 with the failed part named: database, redis or migrations."""
    state = _state()
    ready = all(found == OK for found in state.values())
    answer = {"status": OK if ready else "unavailable", **state}
    return _uncached(answer, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


def health(request: HttpRequest) -> HttpResponse:
    """The svix server's form of it; queue is PostgreSQL's here, cache is Redis."""
    state = _state()
    parts = {
        "database": state["database"] == OK,
        "queue": state["migrations"] == OK,
        "cache": state["redis"] == OK,
    }
    answer = {name: {"status": OK if good else "error"} for name, good in parts.items()}
    good = all(parts.values())
    return _uncached(answer, HTTPStatus.OK if good else HTTPStatus.INTERNAL_SERVER_ERROR)


def ping(request: HttpRequest) -> HttpResponse:
    """204, as in svix' API; like `livez`."""
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _uncached(answer: Mapping[str, object], status: HTTPStatus) -> JsonResponse:
    return JsonResponse(answer, status=status, headers={"Cache-Control": "no-store"})


def _route(route: str, view: View) -> list[object]:
    """Serve a path with and without the slash at its end."""
    safe = only_safe(view)
    return [path(route, safe), path(f"{route}/", safe)]


urlpatterns = [
    *_route("livez", livez),
    *_route("readyz", readyz),
    *_route("api/v1/health", health),
    *_route("api/v1/health/ping", ping),
]
