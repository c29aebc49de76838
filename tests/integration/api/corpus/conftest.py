"""One server for all of these tests, and an organization with some of everything."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deliveries.models import Replay
from endpoints import api_keys, operational
from endpoints.audit import Actor, record_tenant
from endpoints.models import EventType, Organization
from tests import rows
from tests.integration.api.conftest import make_key
from tests.integration.api.operations import PREFIX, Operation
from tests.integration.deliveries.rows import make_attempt, make_dead, make_event
from tests.server import Server, database_url, running_server
from webhooks_platform.lib import ids

#: Rows of each kind, so that every list has several pages of one row.
EACH = 3


@pytest.fixture(scope="package")
def server(django_db_setup: None) -> Iterator[Server]:
    with running_server({"DATABASE_URL": database_url()}) as running:
        yield running


class World:
    """An application with some of everything, and who may do everything with it."""

    def __init__(self, server: Server, organization: Organization) -> None:
        self.organization = organization
        self.key = make_key(organization, "publish", "manage")
        self.http = httpx.Client(
            base_url=server.url, headers={"authorization": f"Bearer {self.key}"}, timeout=20
        )
        self.tenant, *_ = [rows.tenant(uid=uid) for uid in ("alice", "bob", "carol")]
        self.endpoints = [rows.endpoint(self.tenant, uid=f"hook-{n}") for n in range(EACH)]
        hidden = operational.find_or_create(organization.id, actor=Actor("tester"))
        self.operational = [rows.endpoint(hidden, uid=f"hook-{n}") for n in range(EACH)]
        self.events = [make_event(self.tenant, uid=f"order-{n}") for n in range(EACH)]
        self.names = self._make_rest()

    def _make_rest(self) -> dict[str, str]:
        """Make what is about these; return what fills the names in paths."""
        endpoint, event = self.endpoints[0], self.events[0]
        letters = [make_dead(self.tenant, endpoint, event=each) for each in self.events]
        for other in self.endpoints[1:]:
            make_dead(self.tenant, other, event=event)
        attempts = [make_attempt(each, endpoint, status_code=500) for each in self.events]
        for other in self.endpoints[1:]:
            make_attempt(event, other)
        jobs = [self._job() for _ in range(EACH)]
        for n in range(EACH):
            EventType.objects.create(organization=self.organization, name=f"invoice.{n}")
            record_tenant(Actor("tester"), "tenant.tested", self.tenant)
        keys = [
            api_keys.create(organization=self.organization, name="k", scopes=["read"])[0]
            for _ in range(EACH)
        ]
        return {
            "app_id": "alice",
            "endpoint_id": "hook-0",
            "msg_id": "order-0",
            "attempt_id": ids.to_text(ids.ATTEMPT, attempts[0].id),
            "letter_id": ids.to_text(ids.DEAD_LETTER, letters[0].id),
            "replay_id": ids.to_text(ids.REPLAY, jobs[0].id),
            "task_id": ids.to_text("qtask_", jobs[0].id),
            "key_id": ids.to_text(ids.API_KEY, keys[0].id),
            "name": "invoice.0",
        }

    def _job(self) -> Replay:
        return Replay.objects.create(
            organization_id=self.organization.id,
            tenant_id=self.tenant.id,
            source=Replay.Source.FAILED,
            created_by="tester",
            state=Replay.State.PAUSED,
        )

    def path(self, operation: Operation, **names: str) -> str:
        """Return the path with its names filled; one nobody has foreseen becomes `none`."""
        return filled(operation.path, {**self.names, **names})

    def send(self, operation: Operation, body: Any = None, **options: Any) -> httpx.Response:
        """Make a request; a body that is no bytes is written as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            options["headers"] = {"content-type": "application/json", **options.get("headers", {})}
        path = options.pop("path", None) or self.path(operation)
        return self.http.request(operation.method, path, content=body, **options)


def filled(path: str, names: dict[str, str]) -> str:
    return PREFIX + re.sub(r"{(\w+)}", lambda found: names.get(found[1], "none"), path)


@pytest.fixture
def world(server: Server, organization: Organization) -> Iterator[World]:
    made = World(server, organization)
    with made.http:
        yield made


class Complaints(list[str]):
    """What was wrong with the answers of one walk; asserted to be none at its end."""

    def check(self, what: object, answer: httpx.Response, *wanted: int) -> bool:
        """Note an answer that is not wanted, or that is an error in another form than JSON's."""
        good = answer.status_code in wanted and well_formed(answer)
        if not good:
            self.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return good

    def check_fault(self, what: object, answer: httpx.Response, kind: str, *place: str) -> None:
        """Note an answer that is no 422 with a fault of this type, at this place or below it."""
        if not self.check(what, answer, 422):
            return
        for fault in answer.json()["detail"]:
            if fault["type"] == kind and fault["loc"][: len(place)] == list(place):
                return
        self.append(f"{what}: no {kind} at {place} in {answer.text[:300]}")


def well_formed(answer: httpx.Response) -> bool:
    """Return whether an SDK can read the answer: a JSON object unless 204, and errors told."""
    if answer.status_code == 204 or answer.request.method == "HEAD":
        return not answer.content
    try:
        body = answer.json()
    except ValueError:
        return False
    if answer.status_code < 400:
        return isinstance(body, dict)
    return is_error(answer.status_code, body)


def is_error(status: int, body: Any) -> bool:
    if not isinstance(body, dict) or not body.get("detail"):
        return False
    if status != 422:
        return bool(isinstance(body.get("code"), str) and body["code"] and body["detail"])
    return all(
        isinstance(fault, dict)
        and fault.keys() == {"loc", "msg", "type"}
        and all(isinstance(part, str) for part in fault["loc"])
        and fault["loc"]
        and fault["msg"]
        and fault["type"].startswith("value_error")
        for fault in body["detail"]
    )


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    found = Complaints()
    yield found
    assert list(found) == []
