"""The admin of the configuration plane: who sees what."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from endpoints import rotation
from endpoints.models import AuditEntry, Endpoint, Membership, Tenant
from tests import rows
from tests.integration.endpoints.conftest import ACTOR, page
from webhooks_platform.lib import ids

CANARY = "CANARYB"
MODELS = ["endpoint", "tenant", "auditentry"]


@pytest.fixture
def endpoint(alice: Tenant) -> Endpoint:
    return rows.endpoint(alice, url="https://e.test/", uid="e")


@pytest.fixture
def foreign(charlie: Tenant) -> Endpoint:
    """Rows of another tenant that carry the canary wherever a page could show it."""
    Tenant.objects.filter(id=charlie.id).update(name=CANARY, uid=CANARY)
    made = rows.endpoint(charlie, url=f"https://{CANARY.lower()}.test/", uid=CANARY)
    rotation.rotate(made, actor=ACTOR)
    AuditEntry.objects.create(
        organization_id=charlie.organization_id, tenant_id=charlie.id, actor=CANARY,
        action="endpoint.created", target=CANARY,
    )  # fmt: skip
    return made


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_searches_show_a_member_nothing_of_strangers(
    member: Client, endpoint: Endpoint, foreign: Endpoint, model: str
) -> None:
    for query in ("", f"?q={CANARY}", "?o=1", "?o=-2", "?all="):
        answer = member.get(page(f"{model}_changelist") + query)
        # The page repeats the question itself, in links and in the search field.
        body = re.sub(rf'(q(=|%3D)|value="){CANARY}', "", answer.content.decode())
        assert answer.status_code == 200
        assert CANARY.lower() not in body.lower()
    assert "alice" in member.get(page("tenant_changelist")).content.decode()


def test_a_members_pages_of_strangers_rows_do_not_exist(
    member: Client, charlie: Tenant, foreign: Endpoint
) -> None:
    names = ("change", "history", "delete", "rotate_secret", "disable", "enable", "end")
    for name in names:
        for method in (member.get, member.post):
            answer = method(page(f"endpoint_{name}", foreign.pk), {"overlap_hours": "1"})
            assert answer.status_code in (302, 403, 404)
            assert CANARY.lower() not in answer.content.decode().lower()
    for model, pk in (
        ("tenant", charlie.pk),
        ("auditentry", AuditEntry.objects.get(actor=CANARY).pk),
    ):
        answer = member.get(page(f"{model}_change", pk))
        assert answer.status_code in (302, 404)

    foreign.refresh_from_db()
    assert (foreign.version, foreign.disabled_at, foreign.deleted_at) == (2, None, None)


def test_a_member_cannot_add_an_endpoint_to_a_strangers_tenant(
    member: Client, charlie: Tenant, foreign: Endpoint
) -> None:
    shown = member.get(page("endpoint_add")).content.decode()
    form = {"tenant": str(charlie.pk), "url": "https://e.test/", "policy": "{}"}
    answer = member.post(page("endpoint_add"), form)

    assert CANARY not in shown
    assert answer.status_code == 200 and "Select a valid choice" in answer.content.decode()
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    "lookup",
    [
        "userinfo__isnull=0",
        "headers__startswith=g",
        "secrets__ciphertext__startswith=g",
        "secrets__ciphertext__regex=^g",
        "tenant__api_keys__digest__gt=a",
        "disabled_reason__regex=.",
        "tenant__uid=alice",
    ],
)
def test_hidden_columns_cannot_be_asked_for(
    member: Client, endpoint: Endpoint, lookup: str
) -> None:
    answer = member.get(f"{page('endpoint_changelist')}?{lookup}")

    assert answer.status_code in (302, 400)
    assert endpoint.url not in answer.content.decode()


def test_staff_without_membership_sees_no_page_of_tenants(endpoint: Endpoint) -> None:
    client = Client()
    client.force_login(User.objects.create_user("nobody", is_staff=True))

    for model in MODELS:
        assert client.get(page(f"{model}_changelist")).status_code == 403
    assert client.get(page("endpoint_change", endpoint.pk)).status_code == 403


def test_an_ended_membership_or_tenant_closes_the_pages(member: Client, alice: Tenant) -> None:
    assert member.get(page("endpoint_changelist")).status_code == 200
    Tenant.objects.filter(id=alice.id).update(deleted_at=alice.created_at)

    assert member.get(page("endpoint_changelist")).status_code == 403


def test_the_operator_gives_and_ends_memberships_on_record(root: Client, alice: Tenant) -> None:
    user = User.objects.create_user("new", is_staff=True)

    root.post(page("membership_add"), {"user": user.pk, "tenant": alice.pk, "role": "admin"})
    membership = Membership.objects.get()
    root.post(page("membership_delete", membership.pk), {"post": "yes"})

    assert not Membership.objects.exists()
    assert [(e.actor, e.action, e.detail["user"]) for e in AuditEntry.objects.order_by("id")] == [
        ("root", "membership.added", "new"),
        ("root", "membership.removed", "new"),
    ]


def test_a_row_is_found_by_its_id_on_the_wire(root: Client, endpoint: Endpoint) -> None:
    other = rows.endpoint(endpoint.tenant, uid="other")
    shown = root.get(page("endpoint_changelist") + f"?q=ep_{'0' * 26}").content.decode()
    assert "0 endpoints" in shown

    term = ids.to_text(ids.ENDPOINT, endpoint.id)
    found = root.get(page("endpoint_changelist") + f"?q={term}").content.decode()
    assert term in found and ids.to_text(ids.ENDPOINT, other.id) not in found
