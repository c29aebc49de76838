"""Bring a catalogue to what an OpenAPI document describes, in one transaction, audited."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from endpoints import event_types
from endpoints.audit import Actor
from endpoints.models import EventType
from endpoints.openapi_documents import Webhook
from endpoints.schemas import newest

Values = event_types.EventTypeValues


@transaction.atomic
def run(
    organization_id: UUID, described: Sequence[Webhook], *, replace_all: bool, actor: Actor
) -> list[str]:
    """Create and change event types; return the names of those that differ, in order.

    With `replace_all` those that are not described are archived.
    """
    known = _known(organization_id)
    modified = []
    for webhook in described:
        row = known.pop(webhook.name, None)
        values = changes(row, webhook)
        if row is None:
            event_types.create(organization_id, webhook.name, values, actor=actor)
        elif values:
            event_types.update(row, values, actor=actor)
        if row is None or values:
            modified.append(webhook.name)
    for name in sorted(known) if replace_all else ():
        if not known[name].archived:
            event_types.update(known[name], {"archived": True}, actor=actor)
            modified.append(name)
    return sorted(modified)


def preview(organization_id: UUID, described: Sequence[Webhook]) -> list[tuple[Webhook, Values]]:
    """Return what run() would create or change, with its values; changes nothing."""
    known = {row.name: row for row in EventType.objects.filter(organization_id=organization_id)}
    wanted = [(each, changes(known.get(each.name), each)) for each in described]
    return [(each, values) for each, values in wanted if values or each.name not in known]


def changes(row: EventType | None, webhook: Webhook) -> Values:
    """Return the values in which an event type differs from what is described."""
    values: dict[str, Any] = {
        "description": webhook.description,
        "deprecated": webhook.deprecated,
        "archived": False,
    }
    if webhook.group_name is not None:
        values["group_name"] = webhook.group_name
    if webhook.feature_flags is not None:
        values["feature_flags"] = webhook.feature_flags
    if webhook.schema is not None:
        values["schemas"] = _with_version((row and row.schemas) or {}, webhook.schema)
    if row is not None:
        values = {name: value for name, value in values.items() if getattr(row, name) != value}
    return values  # type: ignore[return-value]  # The names are those of EventTypeValues.


def _with_version(versions: dict[str, Any], schema: Any) -> dict[str, Any]:
    """Return the versions with the schema as the newest: what was published by stays known."""
    last = newest(versions)
    if last is not None and versions[last] == schema:
        return versions
    numbers = [int(version) for version in versions if version.isdecimal()]
    return {**versions, str(max(numbers, default=0) + 1): schema}


def _known(organization_id: UUID) -> dict[str, EventType]:
    # In one order, and before the catalogue's version, as everywhere.
    rows = EventType.objects.select_for_update(no_key=True).order_by("name")
    return {row.name: row for row in rows.filter(organization_id=organization_id)}
