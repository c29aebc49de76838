"""Take an organization to another cell: its rows as lines of text, with ids and sealed values.

What goes along is what publishing and delivering need. The history, the audit log and the users
of the admin stay. One statement reads, so the rows fit together; one transaction writes.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from endpoints.audit import Actor, record
from endpoints.models import Endpoint, Organization, SigningSecret
from webhooks_platform.lib import ids
from webhooks_platform.lib.keyring import Keyring, KeyringError

_TENANTS = "SELECT id FROM tenant WHERE organization_id = %(id)s"
_ENDPOINTS = f"SELECT id FROM endpoint WHERE tenant_id IN ({_TENANTS})"
#: In an order in which each row finds what it refers to.
TABLES = {
    "organization": "id = %(id)s",
    "event_type": "organization_id = %(id)s",
    "tenant": "organization_id = %(id)s",
    "portal_session": f"tenant_id IN ({_TENANTS})",
    "api_key": "organization_id = %(id)s",
    "endpoint": f"tenant_id IN ({_TENANTS})",
    "endpoint_health": f"endpoint_id IN ({_ENDPOINTS})",
    "signing_secret": f"endpoint_id IN ({_ENDPOINTS})",
}
_READ = (
    " UNION ALL ".join(
        f"SELECT {position}, '{table}', row_to_json(r)::text FROM {table} r WHERE {condition}"
        for position, (table, condition) in enumerate(TABLES.items())
    )
    + " ORDER BY 1"
)
_WRITE = """
INSERT INTO {table} SELECT r.*
FROM unnest(%s::text[]) AS line, json_populate_record(NULL::{table}, line::json) AS r
"""
_BATCH = 1000
_BEGIN, _END = "organization-1", "end"


class RelocationError(Exception):
    """The organization cannot be taken in; nothing has changed."""


@transaction.atomic
def lines_of(organization: Organization, *, actor: Actor) -> list[str]:
    """Return the organization as lines for `take_in`; the audit log tells."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"id": organization.id})
        rows = [f"{table}\t{row}" for _, table, row in cursor.fetchall()]
    _audit(actor, "organization.exported", organization, rows=len(rows))
    return [f"{_BEGIN}\t{_schema()}", *rows, f"{_END}\t{len(rows)}"]


@transaction.atomic
def take_in(lines: Sequence[str], ring: Keyring, *, actor: Actor) -> Organization:
    """Store what `lines_of` gave in another cell. `ring` must open what is sealed."""
    rows = list(_rows(lines))
    try:
        for table, group in groupby(rows, key=lambda row: row[0]):
            _store(table, (row for _, row in group))
        organization = Organization.objects.get(id=json.loads(rows[0][1])["id"])
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if name is None:
            raise RelocationError("A line of it is damaged.") from None
        raise RelocationError(f"A row of it is here already ({name}).") from None
    except (DataError, ObjectDoesNotExist, LookupError, ValueError):
        raise RelocationError("A line of it is damaged.") from None
    _check_belonging(organization, Counter(table for table, _ in rows))
    _check_openable(organization, ring)
    _audit(actor, "organization.imported", organization, rows=len(rows))
    return organization


def _rows(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield table and row of each line between the first and the last, which are judged."""
    if not lines or lines[0] != f"{_BEGIN}\t{_schema()}":
        raise RelocationError("These are no lines of export_organization of the same version.")
    if lines[-1] != f"{_END}\t{len(lines) - 2}":
        raise RelocationError("The lines are not complete.")
    for line in lines[1:-1]:
        table, _, row = line.partition("\t")
        if table not in TABLES:
            raise RelocationError("There is a line of a table that does not move.")
        yield table, _ordinary(row) if table == "organization" else row


def _ordinary(row: str) -> str:
    """The other cell has a default organization of its own, and that keeps svix' name for it."""
    try:
        organization = json.loads(row)
        if organization["is_default"]:
            organization.update(is_default=False, subject=None)
    except (LookupError, ValueError, TypeError):
        raise RelocationError("A line of it is damaged.") from None
    return json.dumps(organization)


def _check_belonging(organization: Organization, stored: Counter[str]) -> None:
    """Raise unless every row that was stored is the organization's own, and nobody else's."""
    with connection.cursor() as cursor:
        for table, condition in TABLES.items():
            query = f"SELECT count(*) FROM {table} WHERE {condition}"
            cursor.execute(query, {"id": organization.id})
            if cursor.fetchone()[0] != stored[table]:
                raise RelocationError(f"A line of {table} is of another organization.")


def _store(table: str, rows: Iterator[str]) -> None:
    with connection.cursor() as cursor:
        while batch := list(islice(rows, _BATCH)):
            cursor.execute(_WRITE.format(table=table), [batch])


def _check_openable(organization: Organization, ring: Keyring) -> None:
    try:
        for owner, token in _sealed(organization):
            ring.open(token, bound_to=owner)
    except KeyringError:
        raise RelocationError(
            "A secret cannot be opened: put the other cell's encryption key last into "
            "WEBHOOKS_ENCRYPTION_KEYS first."
        ) from None


def _sealed(organization: Organization) -> Iterator[tuple[UUID, bytes | memoryview]]:
    secrets = SigningSecret.objects.filter(endpoint__tenant__organization=organization)
    yield from secrets.values_list("endpoint_id", "ciphertext").iterator()
    endpoints = Endpoint.objects.filter(tenant__organization=organization)
    for column in ("headers", "userinfo"):
        some = endpoints.exclude(**{column: None})
        yield from some.values_list("id", column).iterator()


def _schema() -> str:
    """Return the newest migration, by which two cells know that their tables are alike."""
    applied = MigrationRecorder.Migration.objects.filter(app="endpoints")
    return str(applied.latest("name").name)


def _audit(actor: Actor, action: str, organization: Organization, *, rows: int) -> None:
    record(
        actor,
        action,
        organization_id=organization.id,
        tenant_id=None,
        target=ids.to_text(ids.ORGANIZATION, organization.id),
        detail={"rows": rows},
    )
