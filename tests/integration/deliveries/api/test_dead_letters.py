"""Dead letters over HTTP: finding them, and deciding on one."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.models import DeadLetter, OpenDelivery, Replay
from endpoints import lifecycle
from endpoints.models import AuditEntry, Endpoint, Organization, Tenant
from tests.integration.deliveries.rows import make_dead, make_endpoint, make_event
from tests.integration.endpoints.conftest import ACTOR, Api, api_of
from webhooks_platform.lib import ids

FIELDS = {
    "id", "appId", "appUid", "endpointId", "endpointUid", "msgId", "eventId", "eventType", "reason",
    "attempts", "lastAttemptId", "lastStatusCode", "lastError", "createdAt", "decision",
    "decidedAt", "decidedBy", "note", "replayId",
}  # fmt: skip


@pytest.fixture
def letter(alice: Tenant, endpoint: Endpoint) -> DeadLetter:
    return make_dead(alice, endpoint, event=make_event(alice, uid="order-1", event_type="a.b"))


def found(api: Api, path: str) -> list[str]:
    return [row["id"] for row in api("GET", path, status=200)["data"]]


def test_a_letter_is_shown_with_all_its_facts(
    api: Api, alice: Tenant, endpoint: Endpoint, letter: DeadLetter
) -> None:
    shown = api("GET", f"/app/alice/dead-letter/{letter}", status=200)

    assert shown == {
        "id": str(letter),
        "appId": ids.to_text(ids.TENANT, alice.id),
        "appUid": "alice",
        "endpointId": ids.to_text(ids.ENDPOINT, endpoint.id),
        "endpointUid": "hook",
        "msgId": ids.to_text(ids.EVENT, letter.event_id),
        "eventId": "order-1",
        "eventType": "a.b",
        "reason": "exhausted",
        "attempts": 6,
        "lastAttemptId": ids.to_text(ids.ATTEMPT, letter.last_attempt_id or ids.new()),
        "lastStatusCode": 500,
        "lastError": "http_status",
        "createdAt": letter.created_at.isoformat().replace("+00:00", "Z"),
        "decision": None,
        "decidedAt": None,
        "decidedBy": None,
        "note": None,
        "replayId": None,
    }
    assert set(shown) == FIELDS
    assert api("GET", "/app/alice/dead-letter", status=200)["data"] == [shown]
    assert api("GET", "/dead-letter", status=200)["data"] == [shown]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        # the open ones, newest first, unless asked
        ("", "cba"),
        ("decision=all", "dcba"),
        ("decision=discarded", "d"),
        ("decision=replayed", ""),
        ("endpoint_id=hook", "ba"),
        ("event_type=t.a,t.c", "ca"),
        ("event_type[]=t.a&event_type[]=t.c", "ca"),
        ("reason=permanent", "b"),
        ("status_code_class=0", "c"),
        ("status_code_class=500", "a"),
        ("status_code_class=400&endpoint_id=hook", "b"),
    ],
)
def test_letters_are_filtered(
    api: Api, alice: Tenant, endpoint: Endpoint, query: str, names: str
) -> None:
    other = make_endpoint(alice)
    facts: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"reason": "permanent", "last_status_code": 404},
        "c": {"last_status_code": 0, "last_error": "timeout"},
        "d": {"decision": "discarded", "decided_at": timezone.now()},
    }
    made = {
        name: str(
            make_dead(
                alice,
                other if name in "cd" else endpoint,
                event=make_event(alice, event_type=f"t.{name}"),
                **values,
            )
        )
        for name, values in facts.items()
    }

    assert found(api, f"/app/alice/dead-letter?{query}") == [made[name] for name in names]
    if "endpoint_id" not in query:
        assert found(api, f"/dead-letter?{query}") == [made[name] for name in names]
        assert found(api, f"/dead-letter?app_id=alice&{query}") == [made[name] for name in names]


def test_letters_are_found_by_when_they_were_made(api: Api, letter: DeadLetter) -> None:
    # The id is made first, and by another clock.
    made = letter.created_at + timedelta(milliseconds=22)
    DeadLetter.objects.update(created_at=made)
    for bound in ("before", "after"):
        for delta, wanted_by in ((-1, "after"), (0, ""), (1, "before")):
            when = (made + timedelta(microseconds=delta)).isoformat().replace("+00:00", "Z")
            wanted = [str(letter)] if bound == wanted_by else []
            assert found(api, f"/app/alice/dead-letter?{bound}={when}") == wanted


@pytest.mark.parametrize(
    "query",
    ["reason=no", "decision=maybe", "status_code_class=200.5", "before=yesterday", "limit=0",
     "order=up", "iterator=msg_x", "event_type=a%20b"],
)  # fmt: skip
def test_a_bad_filter_is_named(api: Api, letter: DeadLetter, query: str) -> None:
    answer = api("GET", f"/app/alice/dead-letter?{query}", status=422)

    assert answer["detail"][0]["loc"][:2] == ["query", query.split("=", maxsplit=1)[0]]


def test_pages_lead_through_all_letters(api: Api, alice: Tenant, endpoint: Endpoint) -> None:
    made = [str(make_dead(alice, endpoint)) for _ in range(5)][::-1]

    first = api("GET", "/app/alice/dead-letter?limit=2", status=200)
    second = api("GET", f"/app/alice/dead-letter?limit=3&iterator={first['iterator']}", status=200)
    back = api("GET", f"/app/alice/dead-letter?iterator={second['prevIterator']}", status=200)

    assert [row["id"] for row in first["data"] + second["data"]] == made
    assert (first["done"], second["done"]) == (False, True)
    assert [row["id"] for row in back["data"]] == made[:2]


def test_letters_come_oldest_first_if_asked(api: Api, alice: Tenant, endpoint: Endpoint) -> None:
    made = [str(make_dead(alice, endpoint)) for _ in range(3)]

    for path in ("/app/alice/dead-letter", "/dead-letter"):
        assert found(api, f"{path}?order=ascending") == made
        assert found(api, f"{path}?order=descending") == made[::-1]


def test_letters_of_a_deleted_endpoint_are_found_and_not_replayed(
    api: Api, alice: Tenant, letter: DeadLetter, endpoint: Endpoint
) -> None:
    lifecycle.delete(endpoint, actor=ACTOR)
    own, before = ids.to_text(ids.ENDPOINT, endpoint.id), AuditEntry.objects.count()

    assert found(api, f"/app/alice/dead-letter?endpoint_id={own}") == [str(letter)]
    answer = api("POST", f"/app/alice/dead-letter/{letter}/replay", {}, status=422)

    assert answer["detail"] == [
        {
            "loc": ["path", "letter_id"],
            "msg": "The endpoint was deleted; nothing is sent to it any more.",
            "type": "value_error.endpoint_deleted",
        }
    ]
    letter.refresh_from_db()
    assert letter.decision is None
    assert not Replay.objects.exists()
    assert AuditEntry.objects.count() == before
    # Its uid was given up, and is nobody's.
    api("GET", "/app/alice/dead-letter?endpoint_id=hook", status=404)
    discarded = api("POST", f"/app/alice/dead-letter/{letter}/discard", {"note": "n"}, status=200)
    assert discarded["decision"] == "discarded"


def test_strangers_and_other_tenants_see_no_letter(
    letter: DeadLetter, stranger: Api, charlie_api: Api, alice_api: Api, charlie: Tenant
) -> None:
    for client in (stranger, charlie_api):
        for method, tail in (("GET", ""), ("POST", "/replay"), ("POST", "/discard")):
            client(method, f"/app/alice/dead-letter/{letter}{tail}", {"note": "n"}, status=404)
        client("GET", "/app/alice/dead-letter", status=404)
    assert charlie_api("GET", "/app/charlie/dead-letter", status=200)["data"] == []
    charlie_api("GET", f"/app/charlie/dead-letter/{letter}", status=404)
    alice_api("GET", "/dead-letter", status=403)
    assert stranger("GET", "/dead-letter", status=200)["data"] == []
    letter.refresh_from_db()
    assert letter.decision is None


def test_a_reader_decides_nothing(reader: Api, letter: DeadLetter) -> None:
    for tail in ("replay", "discard"):
        answer = reader("POST", f"/app/alice/dead-letter/{letter}/{tail}", {"note": "n"}, 403)
        assert "replay" in answer["detail"]
    # The scope is judged first, then the object.
    reader("POST", "/app/nobody/dead-letter/dl_x/discard", {}, status=403)
    letter.refresh_from_db()
    assert letter.decision is None
    assert not AuditEntry.objects.exists()


def test_a_letter_is_replayed(
    organization: Organization, letter: DeadLetter, endpoint: Endpoint, hints: Any
) -> None:
    staff = api_of(organization, "read", "replay")

    job = staff("POST", f"/app/alice/dead-letter/{letter}/replay", {"note": "mended"}, status=202)

    assert (job["status"], job["total"], job["queued"], job["remaining"]) == ("running", 1, 1, 1)
    assert (job["source"], job["note"]) == ("dead-letter", "mended")
    shown = staff("GET", f"/app/alice/dead-letter/{letter}", status=200)
    assert (shown["decision"], shown["replayId"]) == ("replayed", job["id"])
    assert shown["decidedBy"].startswith("test (whk_")
    assert OpenDelivery.objects.get().id == letter.delivery_id
    answer = staff("POST", f"/app/alice/dead-letter/{letter}/replay", {}, status=409)
    assert answer["code"] == "conflict"
    assert OpenDelivery.objects.count() == 1


def test_a_letter_is_replayed_without_a_body(api: Api, letter: DeadLetter, hints: Any) -> None:
    assert api("POST", f"/app/alice/dead-letter/{letter}/replay", status=202)["note"] == ""


def test_a_letter_of_a_disabled_endpoint_is_not_replayed(
    api: Api, letter: DeadLetter, endpoint: Endpoint
) -> None:
    Endpoint.objects.update(disabled_at=timezone.now())

    answer = api("POST", f"/app/alice/dead-letter/{letter}/replay", {}, status=422)

    assert answer["detail"][0]["type"] == "value_error.endpoint_disabled"
    letter.refresh_from_db()
    assert letter.decision is None
    assert not Replay.objects.exists()


def test_a_letter_is_discarded_with_a_note(api: Api, letter: DeadLetter) -> None:
    for body in ({}, {"note": ""}, {"note": "  "}, {"note": 5}, {"note": "x" * 1001}, []):
        answer = api("POST", f"/app/alice/dead-letter/{letter}/discard", body, status=422)
        assert answer["detail"][0]["loc"][0] == "body"
    answer = api("POST", f"/app/alice/dead-letter/{letter}/replay", {"note": " "}, status=422)
    assert answer["detail"][0]["type"] == "value_error.blank"
    letter.refresh_from_db()
    assert letter.decision is None
    assert not Replay.objects.exists()

    shown = api("POST", f"/app/alice/dead-letter/{letter}/discard", {"note": "old"}, status=200)

    assert (shown["decision"], shown["note"], shown["replayId"]) == ("discarded", "old", None)
    api("POST", f"/app/alice/dead-letter/{letter}/discard", {"note": "again"}, status=409)
    api("POST", f"/app/alice/dead-letter/{letter}/replay", {}, status=409)


def test_open_letters_are_summed_up(
    api: Api, alice: Tenant, endpoint: Endpoint, letter: DeadLetter
) -> None:
    newest = make_dead(alice, endpoint, event=make_event(alice, event_type="a.b"))
    make_dead(alice, endpoint, last_status_code=404, reason="permanent")
    make_dead(alice, endpoint, decision="discarded")

    groups = api("GET", "/app/alice/dead-letter/summary", status=200)["data"]

    assert [(g["count"], g["reason"], g["lastStatusCode"], g["eventType"]) for g in groups] == [
        (2, "exhausted", 500, "a.b"),
        (1, "permanent", 404, "invoice.paid"),
    ]
    assert groups[0]["endpointId"] == ids.to_text(ids.ENDPOINT, endpoint.id)
    assert groups[0]["oldest"] == letter.created_at.isoformat().replace("+00:00", "Z")
    assert groups[0]["newest"] == newest.created_at.isoformat().replace("+00:00", "Z")
