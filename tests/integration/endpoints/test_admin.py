"""The admin of the configuration plane: what can be done."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from endpoints import rotation
from endpoints.models import AuditEntry, Endpoint, EventType, SigningSecret, Tenant
from tests import rows
from tests.integration.endpoints.conftest import ACTOR, audited, page


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:
    return rows.endpoint(alice, url="https://e.test/", uid="e")


def form_of(endpoint: Endpoint, **changes: Any) -> dict[str, Any]:
    return {"url": endpoint.url, "uid": endpoint.uid or "", "description": "", "event_types": "",
            "channels": "", "throttle_rate": "", "policy": "{}", **changes}  # fmt: skip


def test_a_secret_is_rotated_with_an_overlap_and_shown_once(
    member: Client, endpoint: Endpoint
) -> None:
    url = page("endpoint_rotate_secret", endpoint.pk)
    assert member.get(url).status_code == 200

    answer = member.post(url, {"overlap_hours": "2"})

    shown = re.search(r'<code id="secret">(whsec_[^<]+)</code>', answer.content.decode())
    assert shown is not None and shown[1] == rotation.current(endpoint).text != rows.SECRET
    assert "no-store" in answer.headers["Cache-Control"]
    current, previous = SigningSecret.objects.order_by("-id")
    assert previous.expires_at is not None
    lasts = (previous.expires_at - current.created_at).total_seconds()
    assert 7199 < lasts < 7201
    assert Endpoint.objects.get().version == 2
    assert [(e.actor, e.action) for e in AuditEntry.objects.order_by("id")] == [
        ("anna", "secret.rotated"),
        ("anna", "secret.revealed"),
    ]
    later = member.get(page("endpoint_change", endpoint.pk)).content.decode()
    assert shown[1] not in later and "ciphertext" not in later


def test_a_secret_of_ones_own_is_taken(member: Client, endpoint: Endpoint) -> None:
    rotation.rotate(endpoint, actor=ACTOR)

    member.post(
        page("endpoint_rotate_secret", endpoint.pk), {"overlap_hours": "0", "key": rows.SECRET}
    )

    assert rotation.current(endpoint).text == rows.SECRET


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"overlap_hours": "169"}, id="over seven days"),
        pytest.param({"overlap_hours": "-1"}, id="negative"),
        pytest.param({}, id="no overlap"),
        pytest.param({"overlap_hours": "1", "key": "whsec_eA=="}, id="short key"),
    ],
)
def test_a_bad_rotation_changes_nothing(
    member: Client, endpoint: Endpoint, form: dict[str, str]
) -> None:
    answer = member.post(page("endpoint_rotate_secret", endpoint.pk), form)

    assert "errorlist" in answer.content.decode() and "whsec_eA==" not in answer.content.decode()
    assert (SigningSecret.objects.count(), audited()) == (1, [])


def test_an_endpoint_is_disabled_with_a_reason_enabled_and_deleted(
    member: Client, endpoint: Endpoint, closed: list[Any]
) -> None:
    assert member.post(page("endpoint_disable", endpoint.pk), {}).status_code == 200
    assert Endpoint.objects.get().disabled_at is None
    member.post(page("endpoint_disable", endpoint.pk), {"note": "moving"})
    assert Endpoint.objects.get().disabled_reason == "user"
    member.get(page("endpoint_enable", endpoint.pk))
    assert Endpoint.objects.get().disabled_at is not None
    member.post(page("endpoint_enable", endpoint.pk))
    assert Endpoint.objects.get().disabled_at is not None
    member.post(page("endpoint_enable", endpoint.pk), {"note": "moved"})
    assert Endpoint.objects.get().disabled_at is None
    member.post(page("endpoint_end", endpoint.pk))

    assert Endpoint.objects.get().deleted_at is not None
    assert closed == [([endpoint.id], "disabled"), ([endpoint.id], "deleted")]
    assert [(e.action, e.detail) for e in AuditEntry.objects.order_by("id")] == [
        ("endpoint.disabled", {"reason": "user", "note": "moving"}),
        ("endpoint.enabled", {"note": "moved"}),
        ("endpoint.deleted", {}),
    ]
    assert member.get(page("endpoint_rotate_secret", endpoint.pk)).status_code == 404


def test_an_endpoint_is_edited_as_through_the_api(member: Client, endpoint: Endpoint) -> None:
    organization = endpoint.tenant.organization
    EventType.objects.create(organization=organization, name="a", description="")
    form = form_of(endpoint, url="https://U:p@E.test", event_types="a", throttle_rate="5")

    answer = member.post(page("endpoint_change", endpoint.pk), form)

    assert answer.status_code == 302
    changed = Endpoint.objects.get()
    assert (changed.url, changed.event_types, changed.channels, changed.throttle_rate) == (
        "https://e.test/",
        ["a"],
        None,
        5,
    )
    assert (changed.userinfo is not None, changed.version) == (True, 2)
    assert audited()[0][0] == "endpoint.updated"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"url": "http://127.0.0.1/"}, "may receive webhooks", id="loopback"),
        pytest.param({"url": ""}, "required", id="no url"),
        pytest.param({"event_types": "nope"}, "These don&#x27;t exist: nope", id="event type"),
        pytest.param({"channels": "a b"}, "Must consist of letters", id="channel"),
        pytest.param({"policy": '{"sendTimeout": 0}'}, "sendTimeout: must be", id="policy"),
        pytest.param({"uid": "ep_1"}, "Must not begin", id="uid"),
        pytest.param({"uid": "taken"}, "has this uid", id="uid taken"),
    ],
)
def test_a_bad_edit_is_refused_in_the_form(
    member: Client, endpoint: Endpoint, changes: dict[str, str], message: str
) -> None:
    rows.endpoint(endpoint.tenant, uid="taken")

    answer = member.post(page("endpoint_change", endpoint.pk), form_of(endpoint, **changes))

    assert answer.status_code == 200 and message in answer.content.decode()
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.version, audited()) == ("https://e.test/", 1, [])


def test_an_endpoint_is_added_with_a_secret(member: Client, alice: Tenant) -> None:
    form = {"tenant": str(alice.pk), "url": "https://e.test/", "policy": "{}"}

    answer = member.post(page("endpoint_add"), form)

    assert answer.status_code == 302
    endpoint = Endpoint.objects.get()
    assert (endpoint.tenant_id, endpoint.secrets.count()) == (alice.id, 1)
    assert audited()[0][0] == "endpoint.created"


def test_a_secret_is_masked_until_somebody_says_why(member: Client, endpoint: Endpoint) -> None:
    shown = member.get(page("endpoint_change", endpoint.pk)).content.decode()
    assert "whsec_••••••••" in shown and rows.SECRET not in shown
    url = page("endpoint_reveal_secret", endpoint.pk)
    for refused in (member.get(url), member.post(url, {"note": ""})):
        assert rows.SECRET not in refused.content.decode()
    assert audited() == []

    answer = member.post(url, {"note": "receiver lost it"})

    assert f'<code id="secret">{rows.SECRET}</code>' in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.detail) == ("secret.revealed", {"reason": "receiver lost it"})


def test_history_is_the_audit_log(member: Client, endpoint: Endpoint) -> None:
    member.post(page("endpoint_disable", endpoint.pk), {"note": "moving"})

    shown = member.get(page("endpoint_history", endpoint.pk), follow=True).content.decode()

    assert "endpoint.disabled" in shown and "anna" in shown
    assert "1 audit entry" in shown
    assert LogEntry.objects.count() == 0
