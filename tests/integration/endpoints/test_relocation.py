"""An organization moves to another cell: the same rows there, or nothing at all."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from endpoints import api_keys, custom_headers, lifecycle, relocation, rotation
from endpoints.models import (
    ApiKey,
    AuditEntry,
    Endpoint,
    EventType,
    Organization,
    SigningSecret,
    Tenant,
)
from endpoints.url_policy import parse_url
from tests import rows
from tests.integration.endpoints.conftest import ACTOR
from tests.integration.endpoints.test_reencryption import NEW, OLD, ring_of
from webhooks_platform.lib import ids, keyring

MODELS = (Organization, EventType, Tenant, ApiKey, Endpoint, SigningSecret)


def stocked(organization: Organization) -> str:
    """Give it some of everything under the old ring; return the text of a key."""
    tenant = rows.tenant(organization=organization, uid="acme", metadata={"a": "1"})
    EventType.objects.create(organization=organization, name="a.b", schemas={"1": {"x": 1.10}})
    with ring_of(OLD):
        endpoint = lifecycle.create(
            tenant,
            {"url": parse_url("https://u:p@e.test/"), "event_types": ["a.b"]},
            actor=ACTOR,
            secret=rows.SECRET,
            headers=[("A", "1")],
        )
        rotation.rotate(endpoint, actor=ACTOR)
    return api_keys.create(organization=organization, name="ci", scopes=["publish"])[1]


def exported(organization: Organization) -> str:
    output = StringIO()
    call_command(
        "export_organization", ids.to_text(ids.ORGANIZATION, organization.id), stdout=output
    )
    return output.getvalue()


def imported(text: str, directory: Path, *ring: str) -> str:
    output, file = StringIO(), directory / "organization"
    file.write_text(text)
    with ring_of(*ring):
        call_command("import_organization", str(file), stdout=output)
    return output.getvalue().strip()


def contents(organization: Organization) -> list[str]:
    """Return all rows that move, each behind its table."""
    with connection.cursor() as cursor:
        cursor.execute(relocation._READ, {"id": organization.id})
        return sorted(f"{position} {table} {row}" for position, table, row in cursor.fetchall())


def empty(organization: Organization) -> None:
    """Make this database the other cell, which has never heard of it."""
    Endpoint.objects.filter(tenant__organization=organization).delete()
    Tenant.objects.filter(organization=organization).delete()
    Organization.objects.filter(id=organization.id).delete()
    api_keys.forget()


def counts() -> list[int]:
    return [model.objects.count() for model in MODELS]


@pytest.mark.django_db
def test_it_arrives_as_it_was(tmp_path: Path) -> None:
    organization = Organization.objects.create(name="Unit", subject="org_unit")
    key = stocked(organization)
    before, text = contents(organization), exported(organization)
    assert [row.split()[1] for row in before] == [
        "organization", "event_type", "tenant", "api_key", "endpoint", "signing_secret",
        "signing_secret",
    ]  # fmt: skip
    empty(organization)

    made = imported(text, tmp_path, NEW, OLD)

    assert made == ids.to_text(ids.ORGANIZATION, organization.id)
    assert contents(organization) == before
    found = api_keys.find(key)
    assert found is not None
    assert found.organization_id == organization.id
    entries = AuditEntry.objects.filter(organization_id=organization.id, action__startswith="organ")
    assert list(entries.order_by("id").values_list("action", "detail")) == [
        ("organization.exported", {"rows": 7}),
        ("organization.imported", {"rows": 7}),
    ]


def test_a_default_organization_becomes_an_ordinary_one(
    organization: Organization, tmp_path: Path
) -> None:
    Organization.objects.filter(id=organization.id).update(subject="org_default")
    text = exported(organization)
    empty(organization)
    there = Organization.objects.create(name="there", is_default=True, subject="org_default")

    imported(text, tmp_path, OLD)

    moved = Organization.objects.get(id=organization.id)
    assert (moved.is_default, moved.subject) == (False, None)
    there.refresh_from_db()
    assert (there.is_default, there.subject) == (True, "org_default")


def test_its_secrets_go_over_to_the_other_ring(organization: Organization, tmp_path: Path) -> None:
    stocked(organization)
    text = exported(organization)
    empty(organization)
    rows.organization()
    imported(text, tmp_path, NEW, OLD)

    with ring_of(NEW, OLD):
        call_command("rotate_encryption_key", stdout=StringIO())
    with ring_of(NEW):
        endpoint = Endpoint.objects.get()
        assert rotation.current(endpoint).text.startswith("whsec_")
        assert custom_headers.opened(endpoint) == [("A", "1")]
        opened = keyring.configured().open(endpoint.userinfo or b"", bound_to=endpoint.id)
        assert opened == b"u:p"


def test_another_organizations_rows_stay(
    organization: Organization, stranger_organization: Organization
) -> None:
    stocked(organization)
    rows.endpoint(rows.tenant(organization=stranger_organization, name="Mallory"))

    text = exported(organization)

    assert "Mallory" not in text
    assert str(stranger_organization.id) not in text


def test_what_no_key_opens_is_not_taken_in(organization: Organization, tmp_path: Path) -> None:
    stocked(organization)
    text = exported(organization)
    empty(organization)
    before = counts()

    with pytest.raises(CommandError, match="put the other cell's encryption key last"):
        imported(text, tmp_path, NEW)

    assert counts() == before


def test_what_is_here_already_is_not_taken_in(organization: Organization, tmp_path: Path) -> None:
    stocked(organization)
    text, before = exported(organization), counts()

    with pytest.raises(CommandError, match=r"is here already \(organization_pkey\)"):
        imported(text, tmp_path, OLD)

    assert counts() == before


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda lines: [], "no lines of export_organization"),
        (lambda lines: lines[1:], "no lines of export_organization"),
        (lambda lines: ["organization-1\t0001_initial", *lines[1:]], "of the same version"),
        (lambda lines: lines[:-1], "not complete"),
        (lambda lines: [*lines[:3], lines[-1]], "not complete"),
        (lambda lines: [*lines[:2], "auth_user\t{}", *lines[3:]], "that does not move"),
        (lambda lines: [*lines[:2], f"{lines[2]}}}", *lines[3:]], "damaged"),
        (lambda lines: [lines[0], "organization\t{}", *lines[2:]], "damaged"),
        (lambda lines: [lines[0], "end\t0"], "damaged"),
        (lambda lines: [*lines[:2], lines[2].replace('"id":"', '"id":"x'), *lines[3:]], "damaged"),
    ],
    ids=[
        "empty",
        "no head",
        "other version",
        "no end",
        "a gap",
        "other table",
        "no JSON",
        "no organization",
        "nothing in it",
        "no uuid",
    ],
)
def test_a_broken_file_changes_nothing(
    organization: Organization, tmp_path: Path, cut: Any, message: str
) -> None:
    stocked(organization)
    lines = exported(organization).splitlines()
    empty(organization)
    before = counts()

    with pytest.raises(CommandError, match=message):
        imported("".join(f"{line}\n" for line in cut(lines)), tmp_path, OLD)

    assert counts() == before


@pytest.mark.django_db
def test_a_row_for_another_organization_is_not_taken_in(
    organization: Organization, tmp_path: Path
) -> None:
    stocked(organization)
    stranger = rows.tenant(name="Stranger", organization=Organization.objects.create(name="other"))
    lines = exported(organization)
    own = str(Endpoint.objects.filter(tenant__organization=organization)[0].tenant_id)
    empty(organization)
    before = counts()
    endpoints = [line for line in lines.splitlines() if line.startswith("endpoint\t")]
    stray = endpoints[0].replace(own, str(stranger.id))

    with pytest.raises(CommandError, match="A line of endpoint is of another organization"):
        imported(lines.replace(endpoints[0], stray), tmp_path, OLD)

    assert counts() == before


@pytest.mark.parametrize("name", ["org_nothing", "org_00000000000000000000000001", "app_1"])
@pytest.mark.django_db
def test_an_unknown_organization_is_named(name: str) -> None:
    with pytest.raises(CommandError, match=f"There is no organization '{name}'"):
        call_command("export_organization", name)


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"No such file or directory: .*nothing"):
        call_command("import_organization", str(tmp_path / "nothing"))
