"""Keys: how they are made, found, remembered and forgotten; what each may do."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from endpoints import api_keys, remembered
from endpoints.models import ApiKey, Organization, Tenant
from endpoints.principals import Principal
from tests.integration.endpoints.conftest import Api, api_of
from webhooks_platform import settings as platform_settings
from webhooks_platform.lib import ids


def create(organization: Organization, *scopes: str, tenant: Tenant | None = None) -> str:
    return api_keys.create(
        organization=organization, name="ci", scopes=scopes or ("read",), tenant=tenant
    )[1]


def test_a_key_is_shown_once_and_stored_as_a_digest(organization: Organization) -> None:
    row, text = api_keys.create(organization=organization, name="ci", scopes=["read"])

    assert text.startswith(f"{row.prefix}_")
    assert len(text) == api_keys.KEY_LENGTH
    assert len(bytes(row.digest)) == 32
    assert text[17:].encode() not in bytes(row.digest)


def test_a_key_begins_with_the_name_of_its_cell(organization: Organization) -> None:
    changed = platform_settings.ENVIRONMENT.model_copy(update={"WEBHOOKS_CELL": "c1"})
    with override_settings(ENVIRONMENT=changed):
        text = create(organization)

    assert text.startswith("whk_c1")
    assert len(text) == api_keys.KEY_LENGTH
    found = api_keys.find(text)
    assert found is not None
    assert found.organization_id == organization.id


def test_finds_the_caller_behind_a_key(organization: Organization, alice: Tenant) -> None:
    text = create(organization, "publish", "manage", tenant=alice)
    row = ApiKey.objects.get()

    assert api_keys.find(text) == Principal(
        key_id=row.id,
        name=f"ci ({row.prefix})",
        organization_id=organization.id,
        tenant_id=alice.id,
        scopes=frozenset({"publish", "manage", "read", "replay"}),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("whk_", id="short"),
        pytest.param("x" * api_keys.KEY_LENGTH, id="other mark"),
        pytest.param(api_keys.new_text(), id="unknown"),
        pytest.param("whk_\x00" + "a" * 55, id="NUL"),
        pytest.param("whk_é" + "a" * 55, id="not ASCII"),
    ],
)
@pytest.mark.django_db
def test_finds_nobody(text: str) -> None:
    assert api_keys.find(text) is None


def test_a_key_with_the_right_prefix_and_a_wrong_rest_is_none(organization: Organization) -> None:
    text = create(organization)

    assert api_keys.find(text[:-1] + ("A" if text[-1] != "A" else "B")) is None


def test_a_deleted_tenants_key_is_none(organization: Organization, alice: Tenant) -> None:
    text = create(organization, tenant=alice)
    Tenant.objects.update(deleted_at=datetime.now(UTC))

    assert api_keys.find(text) is None


def test_remembers_both_answers_for_less_than_5_seconds(
    organization: Organization,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, bad = create(organization), api_keys.new_text()
    first = [api_keys.find(good), api_keys.find(bad)]

    with django_assert_num_queries(0):
        assert [api_keys.find(good), api_keys.find(bad)] == first
    ApiKey.objects.update(revoked_at=datetime.now(UTC))
    later = time.monotonic() + 5
    with monkeypatch.context() as patch:
        patch.setattr(remembered.time, "monotonic", lambda: later)
        assert api_keys.find(good) is None


def test_an_expired_key_is_refused_although_remembered(organization: Organization) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    _, text = api_keys.create(
        organization=organization, name="ci", scopes=["read"], expires_at=soon
    )
    assert api_keys.find(text) is not None

    with time_machine.travel(soon + timedelta(milliseconds=1)):
        assert api_keys.find(text) is None


def test_remembers_a_bounded_number(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "REMEMBERED_KEYS", 3)
    good = create(organization)
    api_keys.find(good)

    for _ in range(5):
        api_keys.find(api_keys.new_text())

    assert api_keys.recall(good)[0]
    assert len(api_keys._remembered._bad) <= 3


def test_notes_when_it_was_last_used(organization: Organization) -> None:
    text = create(organization)
    before = datetime.now(UTC)

    api_keys.find(text)

    used = ApiKey.objects.get().last_used_at
    assert used is not None
    assert used >= before - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        pytest.param("read", "GET", "/app", 200, id="read lists"),
        pytest.param("read", "POST", "/app", 403, id="read does not change"),
        pytest.param("manage", "GET", "/app", 200, id="manage includes read"),
        pytest.param("manage", "POST", "/app", 201, id="manage changes"),
        pytest.param("publish", "GET", "/app", 403, id="publish does not read"),
        pytest.param("replay", "GET", "/app", 403, id="replay does not read"),
        pytest.param("read", "HEAD", "/app", 200, id="head is read"),
        pytest.param("publish", "DELETE", "/app/nobody", 403, id="scope before object"),
        pytest.param("read", "GET", "/app/nobody", 404, id="object after scope"),
    ],
)
def test_each_scope_may_do_its_part(
    organization: Organization, scope: str, method: str, path: str, status: int
) -> None:
    answer = api_of(organization, scope).send(method, path, {"name": "n"})

    assert answer.status_code == status


def test_a_tenants_key_may_not_use_the_organizations_routes(alice_api: Api) -> None:
    refused = alice_api("POST", "/app", {"name": "n"}, status=403)

    assert refused["code"] == "insufficient access"
    assert Tenant.objects.count() == 1


def test_the_command_prints_the_key_alone(
    organization: Organization, alice: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_api_key", "--platform", "ci")
    platform = capsys.readouterr().out.strip()
    call_command("create_api_key", "--tenant", "alice", "ci", "--scope", "read")
    tenants = capsys.readouterr().out.strip()
    call_command("create_api_key", "--tenant", ids.to_text(ids.TENANT, alice.id), "ci")
    by_id = capsys.readouterr().out.strip()

    found = [api_keys.find(text) for text in (platform, tenants, by_id)]
    assert [(each.tenant_id, each.scopes) for each in found if each] == [
        (None, frozenset({"publish", "read", "replay", "manage"})),
        (alice.id, frozenset({"read"})),
        (alice.id, frozenset({"publish", "read", "replay", "manage"})),
    ]


def test_the_command_makes_no_key_for_an_unknown_tenant(organization: Organization) -> None:
    with pytest.raises(CommandError, match="no tenant 'bob'"):
        call_command("create_api_key", "--tenant", "bob", "ci")

    assert ApiKey.objects.count() == 0
