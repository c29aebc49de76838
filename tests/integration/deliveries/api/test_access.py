"""Every route of the deliveries' API: who may use it, and who is told nothing."""

import re

import pytest

from deliveries.api.urls import urlpatterns
from deliveries.models import ContentPurge, DeadLetter, Event, OpenDelivery, Replay
from endpoints.models import AuditEntry, Endpoint, Organization, Tenant
from tests.integration.deliveries.rows import make_attempt, make_dead
from tests.integration.endpoints.conftest import Api, api_of
from webhooks_platform.lib import ids

Route = tuple[str, str, str]
READS = [
    "msg",
    "msg/{event}",
    "msg/{event}/delivery",
    "msg/{event}/endpoint",
    "msg/{event}/attempt",
    "msg/{event}/attempt/{attempt}",
    "msg/{event}/endpoint/{endpoint}/attempt",
    "attempt/endpoint/{endpoint}",
    "attempt/msg/{event}",
    "endpoint/{endpoint}/msg",
    "endpoint/{endpoint}/stats",
    "endpoint/{endpoint}/attempt-stats",
    "dead-letter",
    "dead-letter/summary",
    "dead-letter/{letter}",
    "replay",
    "replay/{replay}",
]
WRITES = [
    ("DELETE", "msg/{event}/content", "manage"),
    ("DELETE", "msg/{event}/attempt/{attempt}/content", "manage"),
    ("POST", "msg/{event}/cancel", "publish"),
    ("POST", "msg/precheck/active", "publish"),
    ("POST", "msg/bulk-expunge", "manage"),
    ("POST", "msg/expunge-all-contents", "manage"),
    ("POST", "endpoint/{endpoint}/send-example", "manage"),
    ("POST", "msg/{event}/endpoint/{endpoint}/resend", "replay"),
    ("POST", "dead-letter/{letter}/replay", "replay"),
    ("POST", "dead-letter/{letter}/discard", "replay"),
    ("POST", "replay", "replay"),
    ("POST", "replay/{replay}/pause", "replay"),
    ("POST", "replay/{replay}/resume", "replay"),
    ("POST", "replay/{replay}/cancel", "replay"),
    ("POST", "endpoint/{endpoint}/recover", "replay"),
    ("POST", "endpoint/{endpoint}/replay-missing", "replay"),
    ("POST", "endpoint/{endpoint}/bulk-replay", "replay"),
]
#: Lists over all applications, and what is named by its own id alone.
OF_ORGANIZATION = ["dead-letter", "background-task", "background-task/{task}"]
#: Questions about all applications; test_usage.py asks them.
QUESTIONS = ["stats/usage/app", "stats/usage/event-types"]
ROUTES = [*(("GET", path, "read") for path in READS), *WRITES]
every_route = pytest.mark.parametrize("route", ROUTES, ids=" ".join)
WRONG = {
    "publish": ("read", "replay"),
    "read": ("publish",),
    "replay": ("read", "publish"),
    "manage": ("read", "replay"),
}


@pytest.fixture
def named(event: Event, endpoint: Endpoint) -> dict[str, str]:
    letter = make_dead(event_tenant(event), endpoint, event=event)
    job = Replay.objects.create(
        organization_id=event.organization_id,
        tenant_id=event.tenant_id,
        source="failed",
        created_by="bob",
        state="paused",
    )
    return {
        "event": str(event),
        "endpoint": str(endpoint.uid),
        "attempt": str(make_attempt(event, endpoint)),
        "letter": str(letter),
        "replay": str(job),
        "task": ids.to_text("qtask_", job.id),
    }


def event_tenant(event: Event) -> Tenant:
    return Tenant.objects.get(id=event.tenant_id)


def assert_nothing_changed(event: Event) -> None:
    event.refresh_from_db()
    assert event.payload is not None
    assert not OpenDelivery.objects.exists()
    assert Replay.objects.get().state == "paused"
    assert DeadLetter.objects.get().decision is None
    assert not ContentPurge.objects.exists()
    assert not AuditEntry.objects.exists()


def test_no_route_is_missing_here() -> None:
    named = {f"app/{{}}/{path}" for _, path, _ in ROUTES} | {*OF_ORGANIZATION, *QUESTIONS}
    known = {re.sub(r"<str:\w+>", "{}", str(pattern.pattern)) for pattern in urlpatterns}

    assert {re.sub(r"{\w*}", "{}", path) for path in named} == known


@pytest.fixture
def strangers(stranger: Api, organization: Organization, charlie: Tenant) -> list[tuple[Api, str]]:
    """Who asks for Alice's rows in vain, and as whose."""
    api = api_of(organization, "publish", "manage")
    return [
        # Another organization; a tenant that does not exist; one to whom they are not known.
        (stranger, "alice"),
        (api, "nobody"),
        (api, "charlie"),
        (api_of(organization, "publish", "manage", tenant=charlie), "alice"),
    ]


@every_route
def test_strangers_are_told_nothing(
    strangers: list[tuple[Api, str]], event: Event, named: dict[str, str], route: Route
) -> None:
    method, path, scope = route

    for key, tenant in strangers:
        if "{" not in path and tenant == "charlie":
            # A list, or the start of a job, of a tenant that the key reaches.
            continue
        answer = key.send(method, f"/app/{tenant}/{path.format(**named)}")
        # Expunging is not for a tenant's own key, whoever's the event is.
        closed = scope == "manage" and (tenant, key) == strangers[-1][::-1]
        assert answer.status_code == (403 if closed else 404)
    assert_nothing_changed(event)


@every_route
def test_the_scope_is_judged_before_the_object(
    organization: Organization, event: Event, named: dict[str, str], route: Route
) -> None:
    method, path, scope = route
    key = api_of(organization, *WRONG[scope])

    key(method, f"/app/alice/{path.format(**named)}", status=403)
    key(method, f"/app/nobody/{path.format(**named)}", status=403)
    assert_nothing_changed(event)


@every_route
def test_without_a_key_nothing_is_answered(
    event: Event, named: dict[str, str], route: Route
) -> None:
    method, path, _ = route

    answer = Api("nonsense")(method, f"/app/alice/{path.format(**named)}", status=401)

    assert answer["code"] == "authentication_failed"
    assert_nothing_changed(event)


@pytest.mark.parametrize("path", OF_ORGANIZATION)
def test_what_is_read_across_applications(
    reader: Api, strangers: list[tuple[Api, str]], named: dict[str, str], path: str
) -> None:
    route = f"/{path.format(**named)}"

    reader("GET", route, status=200)
    Api("nonsense")("GET", route, status=401)
    other_organization, of_charlie = strangers[0][0], strangers[-1][0]
    if "{" in path:
        other_organization("GET", route, status=404)
        of_charlie("GET", route, status=404)
    else:
        assert other_organization("GET", route, status=200)["data"] == []
        of_charlie("GET", route, status=403)


@pytest.mark.parametrize("path", READS)
def test_reading_takes_the_scope_read_alone(reader: Api, named: dict[str, str], path: str) -> None:
    reader("GET", f"/app/alice/{path.format(**named)}", status=200)


@pytest.mark.parametrize("odd", ["%00", "msg_%FF", "a%2Fb", "..%2F..", "%E2%80%AE", "x" * 3000])
def test_an_odd_path_is_404(api: Api, named: dict[str, str], odd: str) -> None:
    for path in [path for path in READS if "{" in path]:
        route = path.format(**dict.fromkeys(named, odd))
        answer = api("GET", f"/app/alice/{route}", status=404)
        assert answer["code"] == "not_found"
