"""Finding entries of a long audit log in the admin."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from endpoints.models import AuditEntry, Tenant
from tests.integration.deliveries.rows import nodes, recorded_plans
from tests.integration.endpoints.conftest import page

#: Entries of the log, and of each of its actors, targets, requests and actions.
ENTRIES, EACH = 30_000, 300
FILL = """
INSERT INTO audit_entry (id, at, organization_id, tenant_id, actor, action, target, detail,
                         request_id)
SELECT uuidv7(), now(), %(organization)s, %(tenant)s, 'u' || n %% 100, 'a.b' || n %% 100,
       'ep_' || n %% 100, '{}', 'r' || n %% 100
FROM generate_series(1, %(entries)s) n
"""


@pytest.fixture
def log(alice: Tenant) -> None:
    with connection.cursor() as cursor:
        values = {"organization": alice.organization_id, "tenant": alice.id, "entries": ENTRIES}
        cursor.execute(FILL, values)
        cursor.execute("ANALYZE audit_entry")


def entries_read(plans: list[dict[str, Any]]) -> int:
    """Return the most entries that one statement has looked at."""
    scans = [
        [node for node in nodes(plan) if node.get("Relation Name") == "audit_entry"]
        for plan in plans
    ]
    return max(
        sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            for node in found
        )
        for found in scans
    )


@pytest.mark.parametrize("user", ["root", "member"])
@pytest.mark.parametrize("query", ["q=u77", "q=ep_77", "q=r77", "action=a.b77", "q=none"])
def test_a_page_reads_no_more_than_it_can_show(
    log: None, query: str, user: str, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(user)
    with recorded_plans() as plans:
        shown = client.get(f"{page('auditentry_changelist')}?{query}")

    assert shown.context["cl"].result_count == (0 if query == "q=none" else EACH)
    assert entries_read(plans) <= 2000


def test_an_entry_is_found_by_each_of_its_names(root: Client, alice: Tenant) -> None:
    entry = AuditEntry.objects.create(
        organization_id=alice.organization_id, tenant_id=alice.id, actor="bob", action="a.b",
        target="sue", request_id="r-1",
    )  # fmt: skip
    AuditEntry.objects.create(organization_id=alice.organization_id, actor="x", target="y")

    for term in ("bob", "sue", "r-1", " bob "):
        shown = root.get(page("auditentry_changelist"), {"q": term})
        assert [row.pk for row in shown.context["cl"].result_list] == [entry.pk]
    for term in ("bo", "b%", "r-2"):
        shown = root.get(page("auditentry_changelist"), {"q": term})
        assert list(shown.context["cl"].result_list) == []
