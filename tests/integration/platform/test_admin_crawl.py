"""Every link of every filter of every list, as each role; and what nobody should type there."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from endpoints import key_issuing, lifecycle, memberships, tenants
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Endpoint, EventType, Membership, Organization, Tenant
from endpoints.roles import Role
from tests import rows
from tests.integration.deliveries.rows import make_attempt, make_dead, make_event

pytestmark = pytest.mark.django_db

LISTS = (
    "deliveries_attempt", "deliveries_deadletter", "deliveries_delivery", "deliveries_event",
    "deliveries_replay", "endpoints_apikey", "endpoints_auditentry", "endpoints_endpoint",
    "endpoints_eventtype", "endpoints_membership", "endpoints_organization", "endpoints_tenant",
    "auth_user",
)  # fmt: skip
OPERATORS_ONLY = {
    "endpoints_apikey", "endpoints_membership", "endpoints_organization", "auth_user",
}  # fmt: skip


@pytest.fixture
def alice() -> Tenant:
    tenant = rows.tenant(name="Alice", uid="alice")
    endpoint = rows.endpoint(tenant)
    Endpoint.objects.create(tenant=tenant, url="https://b.test/", disabled_reason="gone")
    make_dead(tenant, endpoint, event=make_event(tenant, uid="order-1"), last_attempt_id=None)
    for action in ("secret.revealed", "endpoint.created"):
        AuditEntry.objects.create(
            organization_id=tenant.organization_id, tenant_id=tenant.id, actor="x", action=action,
            target="y",
        )  # fmt: skip
    return tenant


def client_of(role: Role, **place: Any) -> Client:
    user = User.objects.create_user("somebody", is_staff=True)
    memberships.add(Membership(user=user, role=role, **place), actor=Actor("test"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    return client_of(Role.OPERATOR)


@pytest.fixture
def gone() -> Tenant:
    """A deleted tenant that had one row of everything, and of what it never decided."""
    tenant = rows.tenant(name="Gone", uid="gone")
    endpoint = rows.endpoint(tenant)
    event = make_event(tenant, uid="order-2")
    make_dead(tenant, endpoint, event=event, last_attempt_id=make_attempt(event, endpoint).id)
    tenants.delete(tenant, actor=Actor("test"))
    make_dead(tenant, endpoint, last_attempt_id=None)
    return tenant


def listing(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


def filter_links(page: str) -> set[str]:
    found = page.partition('id="changelist-filter"')[2]
    return {unescape(link) for link in re.findall(r'href="(\?[^"]*)"', found)}


def place_of(role: Role, tenant: Tenant) -> dict[str, Any]:
    if role == Role.OPERATOR:
        return {}
    at_tenant = role == Role.TENANT_ADMIN
    return {"tenant": tenant} if at_tenant else {"organization": tenant.organization}


def links(page: str) -> set[str]:
    """Return the links of a page to the admin, but for the filters and the page's frame."""
    content = page.partition('<div id="content"')[2].partition('id="changelist-filter"')[0]
    found = {unescape(link) for link in re.findall(r'href="(/admin/[^"]*)"', content)}
    return {link.partition("_changelist_filters")[0].rstrip("?&") for link in found}


@pytest.mark.parametrize("role", Role)
def test_every_link_leads_where_the_user_may_go(role: Role, alice: Tenant, gone: Tenant) -> None:
    closed = rows.endpoint(alice, uid="closed")
    make_dead(alice, closed, last_attempt_id=None)
    lifecycle.delete(closed, actor=Actor("test"))
    key_issuing.issue(alice.organization, tenant=alice, name="k", scopes=["read"], actor=Actor("x"))
    EventType.objects.create(organization=alice.organization, name="a.b")
    client = client_of(role, **place_of(role, alice))
    todo, seen, failed = ["/admin/", *map(listing, LISTS[:5]), "/admin/endpoints/"], set(), {}
    while todo:
        path = todo.pop()
        seen.add(path)
        answer = client.get(path)
        if answer.status_code == 302 and "auditentry" in answer["location"]:
            continue
        if answer.status_code != 200:
            failed[path] = answer.status_code
            continue
        todo += sorted(links(answer.content.decode()) - seen - set(todo))

    assert failed == {}
    assert f"/admin/endpoints/tenant/{alice.pk}/change/" in seen
    assert f"/admin/endpoints/tenant/{gone.pk}/change/" not in seen
    keys = [path for path in seen if "/apikey/" in path]
    assert bool(keys) == (role == Role.OPERATOR)


@pytest.mark.parametrize("role", Role)
def test_every_link_of_every_filter_leads_to_a_page(role: Role, alice: Tenant) -> None:
    client = client_of(role, **place_of(role, alice))
    followed, failed = set(), {}
    for name in LISTS:
        if name in OPERATORS_ONLY and role != Role.OPERATOR:
            continue
        first = client.get(listing(name))
        assert first.status_code == 200, name
        for link in filter_links(first.content.decode()):
            followed.add((name, link))
            if (status := client.get(listing(name) + link).status_code) != 200:
                failed[name, link] = status

    assert failed == {}
    assert ("endpoints_auditentry", "?action=secret.revealed") in followed
    assert ("endpoints_endpoint", "?disabled_reason__exact=gone") in followed


def test_the_audit_log_is_filtered_by_action(operator: Client, alice: Tenant) -> None:
    shown = operator.get(listing("endpoints_auditentry") + "?action=secret.revealed")

    found = {entry.action for entry in shown.context["cl"].result_list}
    assert found == {"secret.revealed"}


@pytest.mark.parametrize(
    "path",
    [
        *(f"{name}?{query}=a%00b" for name, query in (
            ("deliveries_deadletter", "reason"), ("deliveries_deadletter", "decision"),
            ("deliveries_deadletter", "event_type"), ("deliveries_event", "event_type"),
            ("deliveries_replay", "state__exact"), ("deliveries_replay", "source"),
            ("endpoints_endpoint", "disabled_reason__exact"), ("endpoints_auditentry", "action"),
            ("endpoints_membership", "role__exact"), ("auth_user", "q"),
        )),
    ],
)  # fmt: skip
def test_a_nul_in_a_filter_is_refused(operator: Client, alice: Tenant, path: str) -> None:
    name, _, query = path.partition("?")

    assert operator.get(f"{listing(name)}?{query}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "deliveries/deadletter/replay/?reason=a%00b",
        "autocomplete/?app_label=endpoints&model_name=membership&field_name=tenant&term=%00",
        "endpoints/membership/add/?user=%00&tenant=%00&organization=a%00",
    ],
)
def test_a_nul_in_any_page_is_refused(operator: Client, path: str) -> None:
    assert operator.get(f"/admin/{path}").status_code == 400


def test_strangers_are_not_told_what_they_typed() -> None:
    answer = Client().get(listing("deliveries_event") + "?q=%00")

    assert (answer.status_code, answer["location"].partition("?")[0]) == (302, "/admin/login/")


@pytest.mark.parametrize(
    ("name", "action"),
    [("deliveries_deadletter", "replay_selected"), ("deliveries_delivery", "resend_selected")],
)
def test_ticks_that_name_no_row_change_nothing(
    operator: Client, alice: Tenant, name: str, action: str
) -> None:
    form = {"action": action, "_selected_action": "zz"}

    shown = operator.post(listing(name), form, follow=True)

    assert shown.status_code == 200
    assert "What is selected is no row of the list." in shown.content.decode()


@pytest.mark.parametrize("query", ["?user=zz&tenant=zz&organization=zz", "?user=&tenant=1"])
def test_a_membership_form_offers_nothing_for_what_is_no_id(operator: Client, query: str) -> None:
    assert operator.get(reverse("admin:endpoints_membership_add") + query).status_code == 200


@pytest.mark.parametrize("bad", ["zz", "\0"])
def test_a_membership_of_what_is_no_id_is_refused(operator: Client, bad: str) -> None:
    before = Membership.objects.count()
    form = {"role": "tenant_admin", "user": bad, "tenant": bad, "organization": bad}

    answer = operator.post(reverse("admin:endpoints_membership_add"), form)

    assert answer.status_code == 200
    assert {"user", "tenant"} <= answer.context["adminform"].errors.keys()
    assert Membership.objects.count() == before


def test_there_is_no_way_to_objects_on_a_site(operator: Client) -> None:
    assert operator.get("/admin/r/1/1/").status_code == 404


DEEP = "[" * 5000 + "]" * 5000
BAD_JSON = {
    "surrogate": '{"a": "\\ud800"}',
    "deep": '{"retrySchedule": ' + DEEP + "}",
    "digits": '{"retrySchedule": [' + "9" * 5000 + "]}",
    "duplicate": '{"a": "1", "a": "2"}',
}


@pytest.mark.parametrize("kind", BAD_JSON)
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("endpoint", "metadata"), ("endpoint", "policy"), ("tenant", "metadata"),
        ("tenant", "policy"), ("eventtype", "schemas"),
    ],
)  # fmt: skip
def test_json_that_the_api_refuses_is_refused(
    operator: Client, alice: Tenant, name: str, field: str, kind: str
) -> None:
    organization = Organization.objects.get(is_default=True)
    form = {
        "organization": organization.pk, "tenant": alice.pk, "name": "a.b", "uid": "new",
        "url": "https://a.test/", "metadata": "{}", "policy": "{}", field: BAD_JSON[kind],
    }  # fmt: skip

    answer = operator.post(reverse(f"admin:endpoints_{name}_add"), form)

    assert answer.status_code == 200
    assert list(answer.context["adminform"].errors) == [field]
    assert BAD_JSON[kind][:12] in unescape(answer.content.decode())
