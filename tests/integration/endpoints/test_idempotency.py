"""`Idempotency-Key` on the POST routes that Django serves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from endpoints.models import AuditEntry, Organization, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, api_of
from webhooks_platform.api import idempotency
from webhooks_platform.models import IdempotencyKey

BODY = {"name": "New", "uid": "new"}


def post(api: Api, path: str = "/app", body: Any = BODY, key: str = "k-1") -> Any:
    return api.send("POST", path, body, headers={"idempotency-key": key})


def test_repeats_the_first_answer_byte_for_byte(api: Api) -> None:
    first, repeat = post(api), post(api)

    assert (first.status_code, repeat.status_code) == (201, 201)
    assert repeat.content == first.content
    assert Tenant.objects.count() == 1
    assert AuditEntry.objects.count() == 1


def test_stores_the_answer_encrypted(api: Api) -> None:
    post(api)

    row = IdempotencyKey.objects.get()
    assert row.status == 201
    assert b"New" not in bytes(row.answer or b"")
    assert datetime.now(UTC) - row.created_at < timedelta(seconds=60)


def test_an_answer_moved_to_another_key_is_not_shown(api: Api) -> None:
    post(api)
    post(api, body={"name": "Other"}, key="k-2")
    mine, other = IdempotencyKey.objects.order_by("created_at")
    IdempotencyKey.objects.filter(id=mine.id).update(answer=other.answer)

    assert post(api).status_code == 500


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/app", {"name": "Other"}, id="body"),
        pytest.param("/app?get_if_exists=true", BODY, id="query"),
    ],
)
def test_another_request_under_the_key_is_a_conflict(api: Api, path: str, body: Any) -> None:
    post(api)

    answer = post(api, path, body)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert Tenant.objects.count() == 1


def test_keys_of_routes_organizations_and_scopes_are_apart(
    api: Api, stranger: Api, organization: Organization
) -> None:
    post(api)

    others = [
        post(api, "/event-type", {"name": "a.b", "description": ""}),
        post(stranger),
        post(api_of(organization, "read")),
        post(api_of(organization, "manage"), body={"name": "Other"}),
    ]

    assert [answer.status_code for answer in others] == [201, 201, 403, 201]


def test_a_failed_request_leaves_the_key_free(api: Api) -> None:
    assert post(api, body={"name": ""}).status_code == 422
    assert IdempotencyKey.objects.count() == 0

    assert post(api).status_code == 201


def test_refuses_a_key_that_is_none(api: Api) -> None:
    answer = post(api, key="k" * 256)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "idempotency-key"]
    assert Tenant.objects.count() == 0


def test_asks_who_it_is_before_it_repeats(api: Api) -> None:
    post(api)

    assert post(Api("whk_nobody")).status_code == 401


def test_a_secret_shown_once_is_shown_again_to_the_same_key_only(api: Api, alice: Tenant) -> None:
    rows.endpoint(alice, uid="e")
    path = "/app/alice/endpoint/e/secret/rotate"

    first, repeat = [post(api, path, {}) for _ in range(2)]

    assert (first.status_code, repeat.content) == (200, first.content)


def test_a_body_too_large_is_refused(api: Api) -> None:
    answer = post(api, body={"name": "x" * 1_048_576})

    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


@pytest.mark.django_db(transaction=True)
def test_parallel_equal_requests_run_once() -> None:
    api = api_of(rows.organization(), "manage")

    def send(_: int) -> tuple[int, bytes]:
        try:
            answer = post(Api(api.key))
            return answer.status_code, answer.content
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(16)))

    assert len(answers) == 1
    assert {status for status, _ in answers} == {201}
    assert Tenant.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT_MILLISECONDS", 50)
    api = api_of(rows.organization(), "manage")
    post(api)
    held, done = threading.Event(), threading.Event()
    (key,) = IdempotencyKey.objects.values_list("id", flat=True)
    IdempotencyKey.objects.all().delete()

    def hold() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO idempotency_key (id, fingerprint, created_at) VALUES (%s, %s, now())",
                [key, key],
            )
            held.set()
            done.wait(20)
            cursor.execute("ROLLBACK")
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)
    answer = post(api, body=BODY)
    done.set()
    holder.join(20)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "in progress" in answer.json()["detail"]
