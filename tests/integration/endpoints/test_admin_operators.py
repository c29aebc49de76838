"""What operators keep in the admin: organizations, tenants, event types, keys and people."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from endpoints import api_keys, memberships
from endpoints.models import (
    ApiKey,
    AuditEntry,
    EventType,
    Membership,
    Organization,
    Tenant,
)
from endpoints.roles import Role
from tests.integration.endpoints.conftest import ACTOR, audited, page
from webhooks_platform.lib import ids


@pytest.fixture
def operator(db: None) -> Client:
    user = User.objects.create_user("olga")
    memberships.add(Membership(user=user, role=Role.OPERATOR), actor=ACTOR)
    client = Client()
    client.force_login(user)
    return client


def last_audit() -> tuple[str, str]:
    entry = AuditEntry.objects.latest("id")
    return entry.actor, entry.action


def test_an_organization_is_made_and_renamed(operator: Client) -> None:
    operator.post(page("organization_add"), {"name": "EU", "subject": "org_abc"})
    made = Organization.objects.get(name="EU")
    assert (made.subject, last_audit()) == ("org_abc", ("olga", "organization.created"))

    operator.post(page("organization_change", made.pk), {"name": "Europe", "subject": ""})
    made.refresh_from_db()
    assert (made.name, made.subject) == ("Europe", None)
    assert AuditEntry.objects.latest("id").detail == {"changed": ["name", "subject"]}


def test_a_tenant_is_made_and_changed_as_through_the_api(
    operator: Client, organization: Organization
) -> None:
    form = {"organization": organization.pk, "name": "Acme", "uid": "acme", "metadata": "{}"}
    answer = operator.post(page("tenant_add"), {**form, "policy": '{"sendTimeout": 10}'})
    assert answer.status_code == 302
    made = Tenant.objects.get()
    assert (made.policy, made.version) == ({"sendTimeout": 10}, 1)
    assert last_audit() == ("olga", "tenant.created")

    changed = {**form, "name": "Acme Ltd", "throttle_rate": "7", "policy": "{}"}
    operator.post(page("tenant_change", made.pk), changed)
    made.refresh_from_db()
    assert (made.name, made.throttle_rate, made.policy, made.version) == ("Acme Ltd", 7, {}, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uid": "app_1"}, "Must not begin"),
        ({"uid": "taken"}, "has this uid"),
        ({"name": ""}, "required"),
        ({"policy": '{"nonsense": 1}'}, "no such setting"),
        ({"throttle_rate": "0"}, "greater than or equal to 1"),
        ({"metadata": '{"a": 1}'}, "Not a valid string"),
    ],
)
def test_a_bad_tenant_is_refused_in_the_form(
    operator: Client, organization: Organization, changes: dict[str, str], message: str
) -> None:
    Tenant.objects.create(organization=organization, name="t", uid="taken")
    form = {"organization": organization.pk, "name": "Acme", "uid": "acme", "policy": "{}"}

    answer = operator.post(page("tenant_add"), {**form, "metadata": "{}", **changes})

    assert answer.status_code == 200 and message in answer.content.decode()
    assert Tenant.objects.count() == 1


def test_an_event_type_is_made_and_changed(operator: Client, organization: Organization) -> None:
    form = {
        "organization": organization.pk, "name": "a.b", "description": "A b", "feature_flags": "",
        "group_name": "", "schemas": '{"1": {"type": "object"}}',
    }  # fmt: skip
    assert operator.post(page("eventtype_add"), form).status_code == 302
    made = EventType.objects.get()
    assert (made.schemas, last_audit()[1]) == ({"1": {"type": "object"}}, "event_type.created")

    operator.post(page("eventtype_change", made.pk), {**form, "deprecated": "on"})
    made.refresh_from_db()
    assert (made.deprecated, made.name) == (True, "a.b")
    bad = operator.post(page("eventtype_add"), form).content.decode()
    assert "an event type of this name" in bad
    bad = operator.post(page("eventtype_change", made.pk), {**form, "schemas": '{"1": 5}'})
    assert "must be an object" in bad.content.decode()
    assert EventType.objects.count() == 1


def test_a_key_is_made_shown_once_and_revoked(operator: Client, alice: Tenant) -> None:
    form = {
        "organization": alice.organization_id, "tenant": "alice", "name": "ci",
        "scopes": ["read", "publish"],
        "expires_at": (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%d %H:%M"),
    }  # fmt: skip

    answer = operator.post(page("apikey_add"), form)

    shown = re.search(r'<code id="secret">(whk_[^<]+)</code>', answer.content.decode())
    assert shown is not None and "no-store" in answer.headers["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.tenant, key.scopes, last_audit()[1]) == (
        alice, ["publish", "read"], "api_key.created",
    )  # fmt: skip
    assert api_keys.find(shown[1]) is not None
    for path in (page("apikey_changelist"), page("apikey_change", key.pk)):
        assert shown[1] not in operator.get(path).content.decode()

    assert operator.get(page("apikey_revoke", key.pk)).status_code == 200
    key.refresh_from_db()
    assert key.revoked_at is None
    operator.post(page("apikey_revoke", key.pk))
    key.refresh_from_db()
    assert key.revoked_at is not None and last_audit()[1] == "api_key.revoked"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"scopes": ["root"]}, "not one of the available choices"),
        ({"tenant": "nobody"}, "no such tenant"),
        ({"expires_at": "2020-01-01 00:00"}, "in the future"),
    ],
)
def test_a_bad_key_is_refused_in_the_form(
    operator: Client, alice: Tenant, changes: dict[str, Any], message: str
) -> None:
    form = {"organization": alice.organization_id, "name": "ci", "scopes": ["read"]}

    answer = operator.post(page("apikey_add"), {**form, **changes})

    assert message in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_role_is_given_and_taken(operator: Client, alice: Tenant) -> None:
    user = User.objects.create_user("sue")
    form = {"user": user.pk, "role": "support", "organization": alice.organization_id}
    operator.post(page("membership_add"), form)
    made = Membership.objects.get(user=user)
    user.refresh_from_db()
    assert (user.is_staff, [group.name for group in user.groups.all()]) == (True, ["Support"])
    assert last_audit() == ("olga", "membership.added")

    operator.post(page("membership_delete", made.pk), {"post": "yes"})
    assert not Membership.objects.filter(user=user).exists()
    assert not user.groups.exists()
    assert last_audit() == ("olga", "membership.removed")


@pytest.mark.parametrize(
    "place",
    [
        {"role": "support"},
        {"role": "support", "tenant": "alice"},
        {"role": "admin"},
        {"role": "operator", "tenant": "alice"},
    ],
)
def test_a_role_is_held_where_it_can_be(
    operator: Client, alice: Tenant, place: dict[str, str]
) -> None:
    user = User.objects.create_user("sue")
    named = {name: alice.pk if value == "alice" else value for name, value in place.items()}

    answer = operator.post(page("membership_add"), {"user": user.pk, **named})

    assert "support is of an organization" in answer.content.decode()
    assert not Membership.objects.filter(user=user).exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        tenant = alice if "tenant" in place else None
        Membership.objects.create(user=user, role=place["role"], tenant=tenant)


def test_an_operator_makes_nobody_a_superuser(operator: Client) -> None:
    path = "/admin/auth/user"
    passwords = {"password1": "long-enough-pass", "password2": "long-enough-pass"}
    operator.post(f"{path}/add/", {"username": "new", "usable_password": "true", **passwords})
    new = User.objects.get(username="new")
    form = {"username": "new", "email": "n@e.test", "is_superuser": "on", "is_active": "on"}

    operator.post(f"{path}/{new.pk}/change/", form)

    new.refresh_from_db()
    assert (new.email, new.is_superuser) == ("n@e.test", False)
    operator.post(f"{path}/{new.pk}/password/", {"usable_password": "true", **passwords})
    entries = AuditEntry.objects.filter(target="new").order_by("id")
    assert [(e.actor, e.action) for e in entries] == [
        ("olga", "user.created"), ("olga", "user.updated"), ("olga", "user.updated"),
    ]  # fmt: skip
    assert "long-enough-pass" not in str([e.detail for e in entries])
    root = User.objects.create_superuser("root")
    assert operator.get(f"{path}/{root.pk}/change/").status_code == 200
    for answer in (
        operator.post(f"{path}/{root.pk}/change/", {"username": "mine"}),
        operator.post(f"{path}/{root.pk}/password/", passwords),
    ):
        assert answer.status_code == 403
    root.refresh_from_db()
    assert root.username == "root"


def test_audit_entries_are_found_and_linked(operator: Client, alice: Tenant) -> None:
    text = ids.to_text(ids.TENANT, alice.pk)
    form = {"name": "Alice B", "uid": "alice", "policy": "{}", "metadata": "{}"}
    operator.post(page("tenant_change", alice.pk), form)

    for term in (text, "olga"):
        shown = operator.get(page("auditentry_changelist") + f"?q={term}").content.decode()
        assert "tenant.updated" in shown
    assert f'href="{page("tenant_change", alice.pk)}">{text}</a>' in shown
    other = operator.get(page("auditentry_changelist") + "?q=somebody").content.decode()
    assert "0 audit log" in other
    assert audited()[-1] == ("tenant.updated", text)


@pytest.mark.parametrize(
    ("arguments", "role"),
    [
        (["--operator"], "operator"),
        (["--support"], "support"),
        (["--tenant-admin", "alice"], "admin"),
    ],
)
def test_a_command_makes_a_user_with_a_role(
    alice: Tenant, capsys: pytest.CaptureFixture[str], arguments: list[str], role: str
) -> None:
    call_command("create_staff_user", "sue", *arguments)

    password = capsys.readouterr().out.strip()
    assert Membership.objects.get().role == role
    assert Client().login(username="sue", password=password)
    assert last_audit() == ("manage.py create_staff_user", "membership.added")
    with pytest.raises(CommandError, match="already"):
        call_command("create_staff_user", "sue", *arguments)


@pytest.mark.parametrize(
    "arguments", [["--tenant-admin", "nobody"], ["--support", "org_x"], ["--support", "nope"]]
)
def test_a_command_refuses_a_place_that_is_none(alice: Tenant, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="no "):
        call_command("create_staff_user", "sue", *arguments)

    assert not User.objects.exists()


def test_ones_own_new_password_is_audited(root: Client) -> None:
    User.objects.filter(username="root").update(password=make_password("old words"))
    root.login(username="root", password="old words")
    form = {"old_password": "wrong", "new_password1": "n3w words!", "new_password2": "n3w words!"}

    assert root.post("/admin/password_change/", form).status_code == 200
    assert audited() == []
    root.post("/admin/password_change/", {**form, "old_password": "old words"})

    assert audited() == [("user.updated", "root")]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.detail) == ("root", {"changed": ["password"]})


OUR_ID = ids.to_text(ids.ORGANIZATION, ids.new())


@pytest.mark.parametrize(
    "subject", ["acme", "org_", "org_a-b", "org_ä", "org_" + "a" * 61, "app_abc", "ORG_abc", OUR_ID]
)
def test_a_subject_that_no_token_can_name_is_refused(root: Client, subject: str) -> None:
    shown = root.post(page("organization_add"), {"name": "Acme", "subject": subject})

    assert shown.status_code == 200
    assert list(shown.context["adminform"].errors) == ["subject"]
    assert not Organization.objects.filter(name="Acme").exists()


def test_a_subject_that_a_token_can_name_is_taken(root: Client) -> None:
    root.post(page("organization_add"), {"name": "Acme", "subject": "org_" + "a" * 60})

    assert Organization.objects.get(name="Acme").subject == "org_" + "a" * 60
