"""`manage.py import_svix` between two organizations, through the guard and over a real socket."""

import csv
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import BaseCommand, CommandError, call_command

from deliveries.management.commands.import_svix import Command
from endpoints import api_keys, custom_headers, event_types, guard, lifecycle, rotation
from endpoints.address_policy import AddressPolicy
from endpoints.audit import Actor
from endpoints.models import Endpoint, Organization, Tenant
from endpoints.url_policy import parse_url
from tests import rows
from tests.integration.endpoints.conftest import Api
from tests.server import ROOT
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR = Actor("tester")
SECRET = "whsec_" + "C" * 32
#: Differ between two organizations although all is the same.
OWN = {"id", "createdAt", "updatedAt", "version"}


@pytest.fixture
def here() -> Organization:
    return Organization.objects.create(name="here")


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Organization:
    """An organization with all that can be brought; its token is in the environment."""
    organization = Organization.objects.create(name="there")
    tenant = rows.tenant(organization=organization, uid="acme", metadata={"k": "v"})
    event_types.create(organization.id, "a.paid", {"description": "d"}, actor=ACTOR)
    for number in range(3):
        lifecycle.create(
            tenant,
            {
                "uid": f"sink-{number}",
                "url": parse_url("https://receiver.test/hook"),
                "event_types": ["a.paid"],
                "policy": {"sendTimeout": 5},
                "disabled": number == 2,
            },
            secret=SECRET,
            headers=[("X-Color", "blue")],
            actor=ACTOR,
        )
    monkeypatch.setenv("SVIX_TOKEN", token_of(organization))
    return organization


@pytest.fixture
def local_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = AddressPolicy(allowed_networks=["127.0.0.0/8", "::1/128"])
    monkeypatch.setattr(guard, "address_policy", lambda: policy)


def token_of(organization: Organization) -> str:
    _, key = api_keys.create(organization=organization, name="k", scopes=["manage"])
    return key


def run(url: str, here: Organization, *options: str) -> list[str]:
    out = StringIO()
    organization = ids.to_text(ids.ORGANIZATION, here.id)
    call_command("import_svix", "--url", url, "--organization", organization, *options, stdout=out)
    return out.getvalue().splitlines()


def shown(organization: Organization) -> list[Any]:
    """Return what the API shows of all its things, but for ids and times."""
    api = Api(token_of(organization))
    lists = ["/event-type", "/app", "/app/acme/endpoint?order=ascending"]
    found = [row for path in lists for row in api("GET", path, status=200)["data"]]
    return [{name: row[name] for name in row.keys() - OWN} for row in found]


@pytest.mark.usefixtures("local_sources")
def test_another_organization_becomes_the_same(
    live_server: Any, there: Organization, here: Organization, tmp_path: Path
) -> None:
    mapping = tmp_path / "ids.csv"

    lines = run(live_server.url, here, "--mapping", str(mapping))
    again = run(live_server.url, here)

    assert len(shown(here)) == 5
    assert shown(here) == shown(there)
    brought = Endpoint.objects.filter(tenant__organization=here)
    assert [rotation.current(sink).text for sink in brought] == [SECRET] * 3
    assert [custom_headers.opened(sink) for sink in brought] == [[("X-Color", "blue")]] * 3
    assert lines[-3:] == [
        "event types: 1 created, 0 updated, 0 unchanged, 0 failed",
        "applications: 1 created, 0 updated, 0 unchanged, 0 failed",
        "endpoints: 3 created, 0 updated, 0 unchanged, 0 failed",
    ]
    assert again[-3:] == [
        "event types: 0 created, 0 updated, 1 unchanged, 0 failed",
        "applications: 0 created, 0 updated, 1 unchanged, 0 failed",
        "endpoints: 0 created, 0 updated, 3 unchanged, 0 failed",
    ]
    # The ids are taken, for both organizations are in one database.
    with mapping.open(newline="") as file:
        moved = list(csv.reader(file))
    old, new = (Tenant.objects.get(organization=owner) for owner in (there, here))
    assert moved[0] == ["kind", "there", "here"]
    assert moved[1] == ["application", *(ids.to_text(ids.TENANT, row.id) for row in (old, new))]
    assert len(moved) == 5
    assert [line for line in again if line.startswith("endpoint,ep_")] == [
        ",".join(row) for row in moved[2:]
    ]


@pytest.mark.usefixtures("local_sources")
def test_an_organization_is_named_as_in_its_tokens(
    live_server: Any, there: Organization, here: Organization
) -> None:
    Organization.objects.filter(id=here.id).update(subject="org_23rb8YdGq")

    call_command("import_svix", url=live_server.url, organization="org_23rb8YdGq")

    assert Tenant.objects.get(organization=here).uid == "acme"


def test_the_guide_names_all_options_and_no_others() -> None:
    guide = (ROOT / "docs/migrating-from-svix.md").read_text()
    parser = Command().create_parser("manage.py", "import_svix")
    options = {option for action in parser._actions for option in action.option_strings}
    djangos = {
        option
        for action in BaseCommand().create_parser("", "")._actions
        for option in action.option_strings
    }

    # `--platform` is create_api_key's.
    assert {*re.findall(r"--[a-z][a-z-]+", guide)} - {"--platform"} == options - djangos


@pytest.mark.usefixtures("local_sources")
def test_a_dry_run_keeps_nothing(live_server: Any, there: Organization, here: Organization) -> None:
    lines = run(live_server.url, here, "--dry-run")

    assert lines[0] == "dry run: nothing of this is kept"
    assert lines[-1] == "endpoints: 3 created, 0 updated, 0 unchanged, 0 failed"
    assert not Tenant.objects.filter(organization=here).exists()


def test_a_source_in_a_closed_network_is_not_dialled(
    live_server: Any, there: Organization, here: Organization
) -> None:
    url = live_server.url.replace("localhost", "127.0.0.1")
    with pytest.raises(CommandError, match="Not everything could be brought"):
        run(url, here)

    assert not Tenant.objects.filter(organization=here).exists()


@pytest.mark.usefixtures("local_sources")
def test_a_token_from_a_file_that_is_refused_is_said_and_not_shown(
    live_server: Any, there: Organization, here: Organization, tmp_path: Path
) -> None:
    file, out = tmp_path / "token", StringIO()
    file.write_text("whk_wrong\n")

    with pytest.raises(CommandError):
        call_command("import_svix", url=live_server.url, token_file=file, stdout=out)

    assert "the list of applications: /api/v1/app answered 401" in out.getvalue()
    assert "whk_wrong" not in out.getvalue()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token_env": "NOT_SET"}, "There is no token: set NOT_SET, or give --token-file."),
        ({"token_file": Path("/nowhere/token")}, "--token-file: No such file or directory"),
        ({"url": "ftp://svix.test"}, "--url: the scheme 'ftp' is not http or https"),
        ({"organization": "org_none"}, "There is no organization 'org_none'."),
    ],
)
def test_what_is_wrong_with_the_arguments_is_said(
    options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.organization()
    monkeypatch.setenv("SVIX_TOKEN", "token")

    with pytest.raises(CommandError) as error:
        call_command("import_svix", **{"url": "https://svix.test", **options})

    assert str(error.value) == said
