"""The official SDKs, unmodified, drive every method they have against a running server."""

import os

import pytest
from pytest_django import DjangoDbBlocker

from tests.contract import environments, table
from tests.contract.driving import Report, drive_all

#: With real transactions, for others write too; such tests come last, and empty every table.
#: The first run installs the SDKs, which a slow network may draw out.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

#: What every SDK must see in the flow that nearly every user goes through.
FACTS = {
    "event_type": ["invoice.paid", True],
    # Name and uid, then: whether the second get_or_create gave the same, and its name.
    "application": ["Kitchen", "kitchen", True, "Kitchen"],
    "created": ["Second", {"k": "v"}],
    "listed": [["Kitchen", "Second"], True],
    "endpoint": ["sink", "d", {"k": "v"}],
    "filter": ["invoice.paid"],
    "endpoint_url": True,
    "endpoints": [[True], True],
    "secret": True,
    "headers": [{"X-Color": "blue"}, ["Authorization"]],
    "rotated": True,
    "message": ["invoice.paid", "one", {"amount": "1.10"}],
    "got": [True, {"amount": "1.10"}],
    "messages": [["one"], True],
    "again": [409, "conflict"],
    # By the secret before the rotation and by the one after it.
    "verified": {"amount": "1.10"},
    "received": ["blue", "s"],
    "tampered": "refused",
    # Success, its HTTP status, by schedule.
    "attempt": [0, 200, 0],
    "one_attempt": [True, True],
    "destinations": [["sink", 0]],
    "attempts_of_endpoint": [True],
    "attempted_messages": [["one", 0]],
    # By schedule and by hand.
    "resent": [0, 1],
    # Success, pending, sending, fail.
    "stats": [2, 0, 0, 0],
    "recover": ["endpoint.recover", True],
    "example": "invoice.paid",
    "unknown": [404, "not_found"],
    "bad_url": [422, ["body", "url"]],
}


@pytest.fixture(scope="module")
def reports(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, Report | str]:
    with django_db_blocker.unblock():
        return drive_all()


@pytest.fixture
def report(sdk: str, reports: dict[str, Report | str]) -> Report:
    return driven(reports, sdk)


def driven(reports: dict[str, Report | str], sdk: str) -> Report:
    found = reports[sdk]
    if isinstance(found, Report):
        return found
    if os.environ.get("CI"):
        pytest.fail(found)
    pytest.skip(found)


@pytest.mark.parametrize("sdk", environments.SDKS)
def test_the_common_flow_gives_the_same_values_in_every_language(report: Report) -> None:
    portal = report.facts.pop("portal", None)

    assert report.facts == FACTS
    offered = report.methods["authentication.app_portal_access"]["outcome"] == "works"
    # An absolute URL, and a token.
    assert portal == ([True, True] if offered else [404, "not_found"])


@pytest.mark.parametrize("sdk", environments.SDKS)
def test_every_method_works_or_is_cleanly_not_offered(report: Report) -> None:
    faults = {
        method: row
        for method, row in report.methods.items()
        if row["outcome"] not in {"works", "not offered"}
    }

    assert faults == {}
    assert len(report.methods) > 100


@pytest.mark.parametrize("sdk", environments.SDKS)
def test_what_we_do_not_have_answers_404_in_json(report: Report) -> None:
    foreign = [row for method, row in report.methods.items() if table.is_foreign(method)]

    absent = {"outcome": "not offered", "status": 404, "reason": "not_found"}
    assert [row for row in foreign if row != absent] == []
    assert len(foreign) > 50


def test_the_table_of_the_page_is_what_this_run_has_seen(
    reports: dict[str, Report | str],
) -> None:
    rendered = table.render({sdk: driven(reports, sdk) for sdk in environments.SDKS})
    if os.environ.get("SDK_TABLE") == "write":
        table.write(rendered)

    assert table.written() == rendered, "make sdk-table writes docs/sdk.md anew"
