"""A made-up API like svix', behind httpx.MockTransport: ids and answers as svix has them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx

from deliveries.svix_import import Report, Source, bring
from endpoints.models import Organization
from tests import rows

APP = "app_2xNDhvRzyAqQmSGfzn6JwoULeG1"
ENDPOINT = "ep_2xNDkLzGDCfLwoaZAz5mY0Pv4xH"
CREATED = "2026-01-31T12:00:00.123456Z"


@dataclass
class FakeSvix:
    """What the source holds; `answers` overrides a path, `asked` notes each request."""

    event_types: list[dict[str, Any]] = field(default_factory=list)
    apps: list[dict[str, Any]] = field(default_factory=list)
    endpoints: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    headers: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    #: Rows of a page, whatever is asked for.
    page: int = 250

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path).removeprefix("/api/v1/")
        self.asked.append(path)
        assert request.headers["authorization"] == "Bearer token"
        if path in self.answers:
            return self.answers[path]()
        found = self._found(path.split("/"), parse_qs(request.url.query.decode()))
        return httpx.Response(404 if found is None else 200, json=found or {"code": "not_found"})

    def _found(self, path: list[str], query: dict[str, list[str]]) -> Any:
        match path:
            case ["event-type"]:
                return self._list(self.event_types, "name", query)
            case ["app"]:
                return self._list(self.apps, "id", query)
            case ["app", app]:
                return next((row for row in self.apps if app in (row["id"], row.get("uid"))), None)
            case ["app", app, "endpoint"]:
                return self._list(self.endpoints.get(app, []), "id", query)
            case ["app", _, "endpoint", endpoint, part]:
                return self._part(endpoint, part)
        return None

    def _part(self, endpoint: str, part: str) -> dict[str, Any]:
        if part == "secret":
            return {"key": self.keys.get(endpoint, rows.SECRET)}
        return self.headers.get(endpoint, {"headers": {}, "sensitive": []})

    def _list(self, of: list[dict[str, Any]], name: str, query: dict[str, list[str]]) -> Any:
        names = [row[name] for row in of]
        begin = names.index(query["iterator"][0]) + 1 if "iterator" in query else 0
        data = of[begin : begin + self.page]
        last = data[-1][name] if data else None
        return {"data": data, "iterator": last, "done": begin + self.page >= len(of)}


def application(**values: Any) -> dict[str, Any]:
    return {"id": APP, "name": "Acme", "metadata": {}, "createdAt": CREATED, **values}


def endpoint(**values: Any) -> dict[str, Any]:
    defaults = {"url": "https://receiver.test/hook", "description": "", "metadata": {}}
    return {"id": ENDPOINT, "disabled": False, "createdAt": CREATED, **defaults, **values}


def event_type(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "description": "d", "archived": False, "schemas": None, **values}


@contextmanager
def source_of(svix: FakeSvix, naps: list[float]) -> Iterator[Source]:
    transport = httpx.MockTransport(svix)
    bearer = {"authorization": "Bearer token"}
    client = httpx.AsyncClient(transport=transport, base_url="https://svix.test", headers=bearer)
    with asyncio.Runner() as runner:
        yield Source(client, runner, sleep=naps.append)
        runner.run(client.aclose())


def run(svix: FakeSvix, organization: Organization, **options: Any) -> tuple[Report, list[str]]:
    """Bring what it holds; return the report and its lines."""
    lines: list[str] = []
    report = Report(lines.append)
    with source_of(svix, []) as source:
        bring(source, organization, report, **options)
    return report, lines
