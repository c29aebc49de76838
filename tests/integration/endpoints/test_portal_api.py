"""Access to the app portal: links, tokens, what they may do, and their end."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from endpoints import api_keys
from endpoints.models import ApiKey, AuditEntry, EventType, Organization, PortalSession, Tenant
from tests import rows
from tests.integration.endpoints.conftest import Api, api_of, audited
from webhooks_platform.lib import ids

PATH = "/auth/app-portal-access/alice"
EXCHANGE = "/auth/one-time-token"


def opened(api: Api, **wanted: Any) -> tuple[str, Api]:
    """Return the code of a new link, and a client with the token."""
    answer = api("POST", PATH, wanted, 200)
    base, code = answer["url"].split("#code=")
    assert base == "http://127.0.0.1:8000/portal"
    return code, Api(answer["token"])


def exchanged(code: str) -> Any:
    return Client().post(
        f"/api/v1{EXCHANGE}", {"oneTimeToken": code}, content_type="application/json"
    )


def test_a_token_works_for_its_tenant_and_no_other(
    api: Api, alice: Tenant, charlie: Tenant
) -> None:
    _, portal = opened(api)

    assert portal("GET", "/app/alice", status=200)["id"] == ids.to_text(ids.TENANT, alice.id)
    portal("POST", "/app/alice/endpoint", {"url": "https://e.test/"}, 201)
    portal("GET", "/app/charlie", status=404)
    portal("POST", "/app/charlie/endpoint", {"url": "https://e.test/"}, 404)
    for method, path, body in [
        ("GET", "/app", None),
        ("POST", "/app", {"name": "A"}),
        ("GET", "/api-key", None),
        ("POST", PATH, {}),
        ("POST", "/auth/app/alice/expire-all", {}),
    ]:
        portal(method, path, body, 403)
    assert portal("POST", "/app/charlie/endpoint", {"url": "x"}, 404)["code"] == "not_found"


def test_a_customer_does_not_read_the_operators_audit_log(
    api: Api, alice: Tenant, alice_api: Api
) -> None:
    _, portal = opened(api)

    assert portal("GET", "/app/alice/audit", status=403)["code"] == "insufficient access"
    alice_api("GET", "/app/alice/audit", status=200)


def test_nothing_that_opens_a_door_is_stored(api: Api, alice: Tenant) -> None:
    code, portal = opened(api, sessionId="s-1")

    session, key = PortalSession.objects.get(), ApiKey.objects.get(portal__isnull=False)
    assert (session.tenant, session.session_id, key.portal) == (alice, "s-1", session)
    stored = repr([session.__dict__, key.__dict__, list(AuditEntry.objects.values())])
    assert code not in stored and portal.key not in stored
    assert audited() == [("portal.access_given", ids.to_text(ids.TENANT, alice.id))]


def test_the_default_lasts_seven_days_and_a_wish_is_kept(api: Api, alice: Tenant) -> None:
    now = timezone.now()
    opened(api)
    opened(api, expiry=3600)

    lasting = [session.expires_at - now for session in PortalSession.objects.order_by("id")]
    assert [round(one.total_seconds() / 60) for one in lasting] == [7 * 24 * 60, 60]


def test_no_link_outlives_the_key_that_made_it(organization: Organization, alice: Tenant) -> None:
    end = timezone.now() + timedelta(minutes=30)
    _, key = api_keys.create(organization=organization, name="k", scopes=["manage"], expires_at=end)
    opened(Api(key))

    assert PortalSession.objects.get().expires_at == end


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param({"expiry": 3599}, ["body", "expiry"], id="short"),
        pytest.param({"expiry": 604801}, ["body", "expiry"], id="long"),
        pytest.param({"expiry": True}, ["body", "expiry"], id="bool"),
        pytest.param({"capabilities": ["Rule"]}, ["body", "capabilities", "0"], id="unknown"),
        pytest.param({"capabilities": []}, ["body", "capabilities"], id="none"),
        pytest.param({"capabilities": ["ManageEndpoint"]}, ["body", "capabilities"], id="no view"),
        pytest.param({"readOnly": "yes"}, ["body", "readOnly"], id="read only"),
        pytest.param({"featureFlags": ["a b"]}, ["body", "featureFlags", "0"], id="flag"),
        pytest.param({"sessionId": 7}, ["body", "sessionId"], id="session"),
        pytest.param({"application": {}}, ["body", "application", "name"], id="application"),
    ],
)
def test_a_bad_wish_is_refused_with_its_place(
    api: Api, alice: Tenant, body: dict[str, Any], place: list[str]
) -> None:
    detail = api("POST", PATH, body, 422)["detail"]

    assert [str(part) for part in detail[0]["loc"]] == place
    assert (PortalSession.objects.count(), audited()) == (0, [])


def test_the_application_is_made_if_there_is_none(api: Api, stranger: Api) -> None:
    body = {"application": {"name": "New", "uid": "alice"}}

    _, portal = opened(api, **body)

    assert portal("GET", "/app/alice", status=200)["name"] == "New"
    assert api("POST", PATH, {"application": {"name": "Other", "uid": "x"}}, 200)["token"]
    api("POST", "/auth/app-portal-access/dora", {}, 404)
    wrong = api("POST", "/auth/app-portal-access/dora", body, 422)["detail"][0]
    assert (wrong["loc"], wrong["type"]) == (
        ["body", "application", "uid"], "value_error.application_uid_mismatch",
    )  # fmt: skip
    stranger("POST", PATH, {}, 404)
    assert Tenant.objects.count() == 1


def test_the_deprecated_route_takes_no_body(api: Api, alice: Tenant) -> None:
    answer = api("POST", "/auth/dashboard-access/alice", None, 200)

    assert set(answer) == {"url", "token"}
    Api(answer["token"])("GET", "/app/alice/endpoint", status=200)


def test_scope_comes_before_the_object(reader: Api, alice_api: Api) -> None:
    for client in (reader, alice_api):
        client("POST", "/auth/app-portal-access/nobody", {}, 403)
        client("POST", "/auth/app/nobody/expire-all", {}, 403)
    assert PortalSession.objects.count() == 0


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        pytest.param({"readOnly": True}, set(), id="read only"),
        pytest.param(
            {"readOnly": True, "capabilities": ["ViewBase", "ManageEndpoint"]}, set(), id="both"
        ),
        pytest.param({"capabilities": ["ViewBase"]}, set(), id="view"),
        pytest.param({"capabilities": ["ViewBase", "ViewEndpointSecret"]}, {"secret"}, id="secret"),
        pytest.param(
            {"capabilities": ["ViewBase", "ManageEndpointSecret"]},
            {"secret", "rotate"},
            id="rotate",
        ),
        pytest.param(
            {"capabilities": ["ViewBase", "ManageEndpoint"]},
            {"secret", "rotate", "change"},
            id="manage",
        ),
        pytest.param({}, {"secret", "rotate", "change"}, id="all"),
    ],
)
def test_capabilities_are_kept_to(
    api: Api, alice: Tenant, wanted: dict[str, Any], allowed: set[str]
) -> None:
    rows.endpoint(alice, uid="hook")
    _, portal = opened(api, **wanted)
    tries = {
        "secret": ("GET", "/app/alice/endpoint/hook/secret", None),
        "rotate": ("POST", "/app/alice/endpoint/hook/secret/rotate", {}),
        "change": ("PATCH", "/app/alice/endpoint/hook", {"description": "d"}),
    }

    portal("GET", "/app/alice/endpoint/hook", status=200)
    found = {name for name, call in tries.items() if portal.send(*call).status_code == 200}

    assert found == allowed


def test_event_types_behind_other_flags_are_hidden(
    api: Api, alice: Tenant, organization: Organization
) -> None:
    for name, flags in [("a", []), ("b", ["beta", "x"]), ("c", ["gamma"])]:
        EventType.objects.create(organization=organization, name=name, feature_flags=flags)

    def seen(client: Api) -> list[str]:
        return [row["name"] for row in client("GET", "/event-type", status=200)["data"]]

    _, plain = opened(api)
    _, flagged = opened(api, featureFlags=["beta"])
    assert (seen(plain), seen(flagged)) == (["a"], ["a", "b"])
    plain("GET", "/event-type/b", status=404)
    flagged("GET", "/event-type/b", status=200)


def test_a_code_is_good_once(api: Api, alice: Tenant) -> None:
    code, _ = opened(api, readOnly=True)

    first, second = exchanged(code), exchanged(code)

    assert (first.status_code, second.status_code) == (200, 401)
    assert first.json()["appId"] == ids.to_text(ids.TENANT, alice.id)
    assert (first["cache-control"], set(second.json())) == ("no-store", {"code", "detail"})
    portal = Api(first.json()["token"])
    portal("GET", "/app/alice/endpoint", status=200)
    portal("POST", "/app/alice/endpoint", {"url": "https://e.test/"}, 403)
    assert [action for action, _ in audited()] == ["portal.access_given", "portal.link_opened"]


@pytest.mark.parametrize("reason", ["code", "session", "tenant", "unknown"])
def test_a_code_whose_time_is_over_gives_nothing(api: Api, alice: Tenant, reason: str) -> None:
    code, _ = opened(api)
    past = timezone.now() - timedelta(seconds=1)
    if reason == "code":
        PortalSession.objects.update(code_expires_at=past)
    elif reason == "session":
        PortalSession.objects.update(expires_at=past)
    elif reason == "tenant":
        Tenant.objects.update(deleted_at=past)

    assert exchanged("guess" if reason == "unknown" else code).status_code == 401
    assert ApiKey.objects.filter(portal__isnull=False).count() == 1


def test_logging_out_ends_this_token_alone(
    api: Api, alice: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    _, portal = opened(api)
    _, other = opened(api)
    with django_capture_on_commit_callbacks(execute=True):
        portal("POST", "/auth/logout", status=204)

    portal("GET", "/app/alice", status=401)
    other("GET", "/app/alice", status=200)
    assert audited()[-1] == ("portal.logged_out", ids.to_text(ids.TENANT, alice.id))


def test_other_keys_cannot_be_logged_out(api: Api, alice_api: Api) -> None:
    for client in (api, alice_api):
        assert client("POST", "/auth/logout", status=403)["code"] == "insufficient access"
        client("GET", "/app/alice", status=200)
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 0


def test_all_tokens_and_links_of_a_tenant_end(
    api: Api, alice: Tenant, charlie: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    code, portal = opened(api)
    key = api_of(alice.organization, "manage", tenant=alice)
    others = Api(api("POST", "/auth/app-portal-access/charlie", {}, 200)["token"])
    with django_capture_on_commit_callbacks(execute=True):
        api("POST", "/auth/app/alice/expire-all", {}, 204)

    portal("GET", "/app/alice", status=401)
    assert exchanged(code).status_code == 401
    key("GET", "/app/alice", status=200)
    others("GET", "/app/charlie", status=200)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.detail) == (
        "portal.access_expired", {"sessions": 1, "seconds": 0},
    )  # fmt: skip


def test_only_the_named_sessions_end_and_maybe_later(
    api: Api, alice: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    _, first = opened(api, sessionId="one")
    _, second = opened(api, sessionId="two")
    with django_capture_on_commit_callbacks(execute=True):
        api("POST", "/auth/app/alice/expire-all", {"sessionIds": ["one"]}, 204)
        api("POST", "/auth/app/alice/expire-all", {"sessionIds": []}, 204)
        api("POST", "/auth/app/alice/expire-all", {"sessionIds": ["two"], "expiry": 600}, 204)

    first("GET", "/app/alice", status=401)
    second("GET", "/app/alice", status=200)
    left = PortalSession.objects.get(session_id="two").expires_at - timezone.now()
    assert timedelta(seconds=590) < left <= timedelta(seconds=600)


def test_tokens_are_no_keys_of_the_organization(api: Api, alice: Tenant) -> None:
    opened(api)
    key = ApiKey.objects.get(portal__isnull=False)

    listed = api("GET", "/api-key", status=200)["data"]
    assert [row["name"] for row in listed] == ["test"]
    api("DELETE", f"/api-key/{ids.to_text(ids.API_KEY, key.id)}", status=404)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_ended_sessions_are_forgotten_when_another_begins(api: Api, alice: Tenant) -> None:
    opened(api)
    PortalSession.objects.update(expires_at=timezone.now() - timedelta(days=2))
    opened(api)

    assert PortalSession.objects.count() == 1
    assert ApiKey.objects.filter(portal__isnull=False).count() == 1


def test_the_page_runs_only_what_this_host_serves(db: None) -> None:
    page = Client().get("/portal")

    assert page.status_code == 200
    assert "default-src 'none'; script-src 'self';" in page["content-security-policy"]
    text = page.content.decode()
    assert "<script>" not in text and "http" not in text and "style=" not in text
