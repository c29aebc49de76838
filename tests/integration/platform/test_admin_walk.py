"""Every address of the admin, GET and POST, as a stranger and as each role.

A view that is not in VIEWS fails the first test, so none is added without saying who may use it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver

from deliveries.models import DeliveryStatus, Replay
from endpoints import api_keys, memberships
from endpoints.audit import Actor
from endpoints.models import AuditEntry, EventType, Membership, Organization, Tenant
from endpoints.roles import Role
from tests import rows
from tests.integration.deliveries.rows import (
    letter_of as make_letter,
)
from tests.integration.deliveries.rows import (
    make_attempt,
    make_event,
    make_settled,
)

pytestmark = pytest.mark.django_db

CANARY = "canarya"
#: What a view takes: nothing but signing in, a capability, or what nobody has.
ANYONE, READ, REPLAY, CONFIGURE, OPERATE, NOBODY = range(6)

# View -> what it takes to GET it, and to POST to it.
HISTORIES = {
    f"deliveries_{model}_{view}": takes
    for model in ("attempt", "event", "deadletter", "delivery", "replay")
    for view, takes in {
        "changelist": (READ, READ),
        "add": (NOBODY, NOBODY),
        "history": (READ, READ),
        "delete": (NOBODY, NOBODY),
        "change": (READ, NOBODY),
    }.items()
}
OPERATORS = {
    f"{model}_{view}": (OPERATE, OPERATE)
    for model in (
        "endpoints_apikey", "endpoints_organization", "endpoints_membership", "auth_user",
    )
    for view in ("changelist", "add", "history", "change")
}  # fmt: skip
VIEWS: dict[str, tuple[int, int]] = {
    "index": (ANYONE, ANYONE),
    "password_change": (ANYONE, ANYONE),
    "password_change_done": (ANYONE, NOBODY),
    "jsi18n": (ANYONE, NOBODY),
    "app_list": (READ, READ),
    # Of tenants, and only those that one sees.
    "autocomplete": (READ, NOBODY),
    **HISTORIES,
    **OPERATORS,
    "deliveries_deadletter_replay": (REPLAY, REPLAY),
    "deliveries_deadletter_discard": (REPLAY, REPLAY),
    "deliveries_deadletter_summary": (READ, READ),
    "deliveries_delivery_resend": (REPLAY, REPLAY),
    "deliveries_event_payload": (NOBODY, READ),
    "deliveries_replay_act": (REPLAY, REPLAY),
    "endpoints_apikey_change": (OPERATE, NOBODY),
    "endpoints_apikey_delete": (NOBODY, NOBODY),
    "endpoints_apikey_revoke": (OPERATE, OPERATE),
    "endpoints_organization_delete": (NOBODY, NOBODY),
    "endpoints_membership_change": (OPERATE, NOBODY),
    "endpoints_membership_delete": (OPERATE, OPERATE),
    "auth_user_delete": (NOBODY, NOBODY),
    "auth_user_password_change": (OPERATE, OPERATE),
    "endpoints_auditentry_changelist": (READ, READ),
    "endpoints_auditentry_add": (NOBODY, NOBODY),
    "endpoints_auditentry_history": (READ, READ),
    "endpoints_auditentry_delete": (NOBODY, NOBODY),
    "endpoints_auditentry_change": (READ, NOBODY),
    "endpoints_eventtype_changelist": (READ, READ),
    "endpoints_eventtype_add": (OPERATE, OPERATE),
    "endpoints_eventtype_history": (READ, READ),
    "endpoints_eventtype_delete": (NOBODY, NOBODY),
    "endpoints_eventtype_change": (READ, OPERATE),
    "endpoints_tenant_changelist": (READ, READ),
    "endpoints_tenant_add": (OPERATE, OPERATE),
    "endpoints_tenant_history": (READ, READ),
    "endpoints_tenant_delete": (NOBODY, NOBODY),
    "endpoints_tenant_change": (READ, OPERATE),
    "endpoints_endpoint_changelist": (READ, READ),
    "endpoints_endpoint_add": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_history": (READ, READ),
    "endpoints_endpoint_delete": (NOBODY, NOBODY),
    "endpoints_endpoint_change": (READ, CONFIGURE),
    "endpoints_endpoint_rotate_secret": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_reveal_secret": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_disable": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_enable": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_end": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_test": (CONFIGURE, CONFIGURE),
    "endpoints_endpoint_enable_and_replay": (CONFIGURE, CONFIGURE),
}
#: Signing in and out is open to all, and whatever else leads to the form.
OPEN_TO_ALL = {"login", "logout"}
ALL_CAPABILITIES = frozenset({ANYONE, READ, REPLAY, CONFIGURE, OPERATE})


@dataclass(frozen=True)
class Who:
    """Somebody, what he may do with Alice's rows, and what with any rows at all."""

    make: Callable[[Tenant, Tenant, Organization], User | None]
    here: frozenset[int]
    anywhere: frozenset[int]
    #: What he may do with the catalogue of Alice's organization, if that differs.
    catalogue: frozenset[int] | None = None

    def may(self, name: str) -> frozenset[int]:
        if not has_object(name):
            return self.anywhere
        shared = name.startswith("endpoints_eventtype") and self.catalogue is not None
        return (self.catalogue or NONE) if shared else self.here


def _user(role: str | None, **place: Any) -> User:
    user = User.objects.create_user("somebody", is_staff=True)
    if role is not None:
        memberships.add(Membership(user=user, role=role, **place), actor=Actor("test"))
    return user


NONE: frozenset[int] = frozenset()
SIGNED_IN = frozenset({ANYONE})
SUPPORT = SIGNED_IN | {READ, REPLAY}
TENANT_ADMIN = SUPPORT | {CONFIGURE}
WHO = {
    "nobody": Who(lambda *_: None, NONE, NONE),
    "customer": Who(lambda *_: User.objects.create_user("customer"), NONE, NONE),
    "staff without a role": Who(lambda *_: _user(None), SIGNED_IN, SIGNED_IN),
    "tenant admin": Who(
        lambda alice, *_: _user(Role.TENANT_ADMIN, tenant=alice), TENANT_ADMIN, TENANT_ADMIN
    ),
    "another tenant's admin": Who(
        lambda _, charlie, __: _user(Role.TENANT_ADMIN, tenant=charlie),
        SIGNED_IN,
        TENANT_ADMIN,
        catalogue=SIGNED_IN | {READ},
    ),
    "support": Who(
        lambda alice, *_: _user(Role.SUPPORT, organization=alice.organization), SUPPORT, SUPPORT
    ),
    "another organization's support": Who(
        lambda _, __, other: _user(Role.SUPPORT, organization=other), SIGNED_IN, SUPPORT
    ),
    "operator": Who(lambda *_: _user(Role.OPERATOR), ALL_CAPABILITIES, ALL_CAPABILITIES),
    "superuser": Who(
        lambda *_: User.objects.create_superuser("root"), ALL_CAPABILITIES, ALL_CAPABILITIES
    ),
}


def patterns(found: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and route of every view of the admin; redirects to `change` have no name."""
    for pattern in found:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name, prefix + str(pattern.pattern)


ROUTES = dict(patterns(admin.site.urls[0]))


def test_no_view_is_missing_here() -> None:
    assert ROUTES.keys() == VIEWS.keys() | OPEN_TO_ALL


@pytest.fixture
def alice() -> Tenant:
    return rows.tenant(name=CANARY, uid=CANARY)


@pytest.fixture
def paths(alice: Tenant) -> dict[str, str]:
    """The address of every view, at a row of Alice's."""
    of = _alices_rows(alice)
    found = {}
    for name, route in ROUTES.items():
        model = "_".join(name.split("_")[:2])
        row = str(of.get(model, ""))
        path = route.replace("<path:object_id>", row).replace("<uuid:object_id>", row)
        path = path.replace("<id>", row).replace("<str:action>", "pause")
        path = path.replace("^(?P<app_label>endpoints|auth|deliveries)/$", "deliveries/")
        found[name] = f"/admin/{path.replace('<path:content_type_id>/', '1/')}"
    found["autocomplete"] += "?app_label=endpoints&model_name=membership&field_name=tenant"
    return found


def _alices_rows(alice: Tenant) -> dict[str, Any]:
    endpoint = rows.endpoint(alice, url=f"https://{CANARY}.test/", uid=CANARY)
    event = make_event(alice, uid=CANARY, event_type=CANARY)
    delivery = make_settled(event, endpoint, DeliveryStatus.DEAD, attempts=1)
    job = Replay.objects.create(
        organization_id=alice.organization_id, tenant_id=alice.id, source="failed",
        created_by=CANARY, note=CANARY,
    )  # fmt: skip
    key, _ = api_keys.create(
        organization=alice.organization, tenant=alice, name=CANARY, scopes=["read"]
    )
    entry = AuditEntry.objects.create(
        organization_id=alice.organization_id, tenant_id=alice.id, actor=CANARY, action="a.b",
        target=CANARY,
    )  # fmt: skip
    user = User.objects.create_user(CANARY, is_staff=True)
    return {
        "endpoints_endpoint": endpoint.pk,
        "endpoints_tenant": alice.pk,
        "endpoints_organization": alice.organization_id,
        "endpoints_apikey": key.pk,
        "endpoints_auditentry": entry.pk,
        "endpoints_eventtype": EventType.objects.create(
            organization=alice.organization, name="shared.type"
        ).pk,
        "endpoints_membership": Membership.objects.create(user=user, tenant=alice).pk,
        "auth_user": user.pk,
        "deliveries_event": event.pk,
        "deliveries_delivery": delivery.pk,
        "deliveries_attempt": make_attempt(event, endpoint, response=CANARY).pk,
        "deliveries_deadletter": make_letter(delivery, event).pk,
        "deliveries_replay": job.pk,
    }


TABLES = (
    "organization", "tenant", "endpoint", "signing_secret", "api_key", "event_type", "membership",
    "audit_entry", "event", "open_delivery", "settled_delivery", "dead_letter", "replay",
    "auth_user", "auth_user_groups",
)  # fmt: skip


def fingerprint() -> list[Any]:
    """Return a hash of every row that a request could change."""
    with connection.cursor() as cursor:
        found = []
        for table in TABLES:
            cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
            found.append(cursor.fetchone()[0])
    return found


class Undo(Exception):  # noqa: N818 - nothing has failed.
    """Takes back what a request has changed."""


def is_open(client: Client, method: str, path: str) -> tuple[bool, str]:
    """Return whether a request was let in, and the page; whatever it changed is undone."""
    try:
        with transaction.atomic():
            before = fingerprint() if method == "POST" else []
            answer = client.generic(method, path, content_type="application/x-www-form-urlencoded")
            refused = answer.status_code in (403, 404, 405) or (
                answer.status_code == 302
                and (answer["location"] == "/admin/" or "/login/" in answer["location"])
            )
            assert answer.status_code < 500
            if refused and method == "POST":
                assert fingerprint() == before, path
            raise Undo
    except Undo:
        return not refused, answer.content.decode()


def has_object(name: str) -> bool:
    return "object_id" in ROUTES[name] or "<id>" in ROUTES[name]


@pytest.mark.parametrize("role", WHO)
def test_every_view_lets_in_whom_it_should(
    role: str, alice: Tenant, paths: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.admin.endpoints.ANSWER_SECONDS", 0.0)
    other = Organization.objects.create(name="other")
    charlie, who = rows.tenant(name="Charlie", uid="charlie"), WHO[role]
    rows.endpoint(charlie)
    EventType.objects.create(organization=other, name="other.type")
    client = Client(raise_request_exception=True)
    user = who.make(alice, charlie, other)
    if user is not None:
        client.force_login(user)

    let_in, shown = {}, []
    for name, takes in VIEWS.items():
        for method, needed in zip(("GET", "POST"), takes, strict=True):
            opened, page = is_open(client, method, paths[name])
            let_in[name, method] = opened, needed in who.may(name)
            if READ not in who.here and CANARY in page.lower():
                shown.append((name, method))

    assert {view: found for view, found in let_in.items() if found[0] != found[1]} == {}
    assert shown == []
