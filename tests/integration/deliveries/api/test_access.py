"""Every route of the read side: who may use it, and who is told nothing."""

import pytest

from deliveries.api.urls import urlpatterns
from deliveries.models import Event, OpenDelivery, Replay
from endpoints.models import AuditEntry, Endpoint, Organization, Tenant
from tests.integration.deliveries.rows import make_attempt, make_settled
from tests.integration.endpoints.conftest import Api, api_of

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
]
WRITES = [
    ("DELETE", "msg/{event}/content", "manage"),
    ("DELETE", "msg/{event}/attempt/{attempt}/content", "manage"),
    ("POST", "msg/{event}/endpoint/{endpoint}/resend", "replay"),
]
ROUTES = [*(("GET", path, "read") for path in READS), *WRITES]
every_route = pytest.mark.parametrize("route", ROUTES, ids=" ".join)
WRONG = {"read": ("publish",), "replay": ("read", "publish"), "manage": ("read", "replay")}


@pytest.fixture
def named(event: Event, endpoint: Endpoint) -> dict[str, str]:
    make_settled(event, endpoint, 3)
    return {
        "event": str(event),
        "endpoint": str(endpoint.uid),
        "attempt": str(make_attempt(event, endpoint)),
    }


def assert_nothing_changed(event: Event) -> None:
    event.refresh_from_db()
    assert event.payload is not None
    assert not OpenDelivery.objects.exists()
    assert not Replay.objects.exists()
    assert not AuditEntry.objects.exists()


def test_no_route_is_missing_here() -> None:
    assert len(ROUTES) == len(urlpatterns)


@pytest.fixture
def strangers(stranger: Api, organization: Organization, charlie: Tenant) -> list[tuple[Api, str]]:
    """Who asks for Alice's rows in vain, and as whose."""
    api = api_of(organization, "manage")
    return [
        # Another organization; a tenant that does not exist; one to whom they are not known.
        (stranger, "alice"),
        (api, "nobody"),
        (api, "charlie"),
        (api_of(organization, "manage", tenant=charlie), "alice"),
    ]


@every_route
def test_strangers_are_told_nothing(
    strangers: list[tuple[Api, str]], event: Event, named: dict[str, str], route: Route
) -> None:
    method, path, scope = route

    for key, tenant in strangers:
        if path == "msg" and tenant == "charlie":
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


@pytest.mark.parametrize("path", READS)
def test_reading_takes_the_scope_read_alone(reader: Api, named: dict[str, str], path: str) -> None:
    reader("GET", f"/app/alice/{path.format(**named)}", status=200)


@pytest.mark.parametrize("odd", ["%00", "msg_%FF", "a%2Fb", "..%2F..", "%E2%80%AE", "x" * 3000])
def test_an_odd_path_is_404(api: Api, named: dict[str, str], odd: str) -> None:
    for path in READS[1:]:
        route = path.format(**dict.fromkeys(named, odd))
        answer = api("GET", f"/app/alice/{route}", status=404)
        assert answer["code"] == "not_found"
