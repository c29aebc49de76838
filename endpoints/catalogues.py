"""What publishes are checked by: known event types, required schemas, tenants' rules for unknown.

Read from memory, as keys are (endpoints.remembered): a process asks for an organization's version
at most every few seconds, and for what it stands for only when that has grown. A change therefore
holds in every process within 5 s, and a publish costs no statement.
"""

import asyncio
import time
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Any
from uuid import UUID

import jsonschema_rs
from django.conf import settings

from endpoints import schemas
from endpoints.policy import REFUSE, UNKNOWN_EVENT_TYPES
from endpoints.remembered import REMEMBERED_KEYS, REMEMBERED_SECONDS
from webhooks_platform.lib.database import Connection

VERSION = "SELECT catalogue_version FROM organization WHERE id = %s"
# A schema that nothing is checked by is not read.
EVENT_TYPES = """
SELECT t.name, CASE WHEN o.validates_payloads OR t.validates_payloads THEN t.schemas END
FROM event_type t JOIN organization o ON o.id = t.organization_id
WHERE t.organization_id = %s AND NOT t.archived
"""
RULES = f"""
SELECT id, uid, policy->>'{UNKNOWN_EVENT_TYPES}' FROM tenant
WHERE organization_id = %s AND deleted_at IS NULL AND policy ? '{UNKNOWN_EVENT_TYPES}'
"""
#: Names that are compared with an unknown one, and those that are told.
COMPARED = 2000
NEAREST = 3


@dataclass(frozen=True, slots=True)
class Validator:
    """The newest schema of an event type; None where what is stored is none."""

    version: str
    compiled: jsonschema_rs.Draft7Validator | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One organization's, as of a version."""

    version: int
    #: Event type -> its schemas if publishes must satisfy the newest, else None.
    types: dict[str, dict[str, Any] | None]
    #: Tenant's id and uid -> what it says of unknown event types.
    rules: dict[UUID | str, str]
    _validators: dict[str, Validator] = field(default_factory=dict)

    def refuses(self, event_type: str, tenant: UUID | str) -> bool:
        """Whether the event type is unknown, and the tenant takes only known ones."""
        if event_type in self.types:
            return False
        default = settings.ENVIRONMENT.WEBHOOKS_UNKNOWN_EVENT_TYPES
        return self.rules.get(tenant, default) == REFUSE

    def nearest(self, event_type: str) -> list[str]:
        return get_close_matches(event_type, islice(self.types, COMPARED), n=NEAREST)

    def validator(self, event_type: str) -> Validator | None:
        """Return what payloads of the type must satisfy, compiled once; None if nothing."""
        versions = self.types.get(event_type)
        if not versions:
            return None
        if event_type not in self._validators:
            self._validators[event_type] = _compile(versions)
        return self._validators[event_type]


class Catalogues:
    """Those of the organizations that publish through one event loop."""

    def __init__(self) -> None:
        self._known: dict[UUID, Catalogue] = {}
        self._fresh_until: dict[UUID, float] = {}
        self._first: dict[UUID, asyncio.Lock] = {}

    def recall(self, organization_id: UUID) -> Catalogue | None:
        """Return a catalogue that need not be asked for."""
        if self._fresh_until.get(organization_id, 0.0) < time.monotonic():
            return None
        return self._known.get(organization_id)

    async def load(self, organization_id: UUID, connection: Connection) -> Catalogue:
        """Ask for a catalogue; whoever publishes meanwhile goes by the one before, if there is."""
        if len(self._known) >= REMEMBERED_KEYS:
            self._known.clear()
        async with self._first.setdefault(organization_id, asyncio.Lock()):
            found = self.recall(organization_id)
            if found is not None:
                return found
            before = self._known.get(organization_id)
            self._fresh_until[organization_id] = time.monotonic() + REMEMBERED_SECONDS
            try:
                found = await _read(organization_id, before, connection)
            except BaseException:
                self._fresh_until.pop(organization_id, None)
                raise
            self._known[organization_id] = found
        self._first.pop(organization_id, None)
        return found


async def _read(
    organization_id: UUID, before: Catalogue | None, connection: Connection
) -> Catalogue:
    # The version first: what is read after it is as new, or newer and read once more.
    row = await (await connection.execute(VERSION, [organization_id])).fetchone()
    version = row[0] if row else 0
    if before is not None and before.version == version:
        return before
    types = await (await connection.execute(EVENT_TYPES, [organization_id])).fetchall()
    rules = await (await connection.execute(RULES, [organization_id])).fetchall()
    named = {name: rule for *names, rule in rules for name in names if name is not None}
    return Catalogue(version, dict(types), named)


def _compile(versions: dict[str, Any]) -> Validator:
    version = schemas.newest(versions) or ""
    try:
        return Validator(version, schemas.compiled(versions[version]))
    except (jsonschema_rs.ReferencingError, jsonschema_rs.ValidationError):
        return Validator(version, None)
