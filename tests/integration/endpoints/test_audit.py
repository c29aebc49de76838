"""The audit log: entries are added and never changed, not even by SQL."""

import pytest
from django.db import DatabaseError, connection, transaction

from endpoints import audit
from endpoints.audit import Actor
from endpoints.models import AuditEntry, Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(alice: Tenant) -> AuditEntry:
    audit.record_tenant(Actor("anna", "r" * 100), "tenant.updated", alice, changed=["name"])
    return AuditEntry.objects.get()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'nobody'",
        "UPDATE audit_entry SET detail = '{}'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ],
)
def test_no_entry_is_changed_or_deleted(entry: AuditEntry, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        # The tests' own cleaning needs it disabled.
        cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER not_truncated")
        cursor.execute(statement)

    assert AuditEntry.objects.values().get() == {
        field.name: getattr(entry, field.name) for field in AuditEntry._meta.concrete_fields
    }


def test_an_entry_outlives_what_it_is_about(entry: AuditEntry, alice: Tenant) -> None:
    alice.delete()

    assert AuditEntry.objects.get().tenant_id == entry.tenant_id
    assert entry.request_id == "r" * audit.REQUEST_ID_CHARACTERS
