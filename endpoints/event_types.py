"""The catalogue of event types of an organization; every change is audited."""

from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from endpoints import operational
from endpoints.audit import Actor, record
from endpoints.changes import touch_catalogue
from endpoints.models import EventType, Tenant
from endpoints.schemas import newest_first
from webhooks_platform.lib import ids

PREFIX = "evtype_"


class EventTypeValues(TypedDict, total=False):
    """What an API client or an admin may set; what is absent stays as it is."""

    description: str
    archived: bool
    deprecated: bool
    #: Checked before (schemas.schema_fault).
    schemas: dict[str, Any] | None
    validates_payloads: bool
    feature_flags: list[str]
    group_name: str | None


class EventTypeExistsError(Exception):
    """The organization has an event type of this name."""


def missing(organization_id: UUID, names: Sequence[str]) -> list[str]:
    """Return those of `names` that are not in the catalogue, or archived."""
    if not names:
        return []
    known = EventType.objects.filter(
        organization_id=organization_id, name__in=names, archived=False
    ).values_list("name", flat=True)
    return sorted({*names} - {*known})


def unknown_to(tenant: Tenant, names: Sequence[str]) -> list[str]:
    """Return those of `names` of which the tenant's endpoints can never get an event."""
    if tenant.is_operational:
        return sorted({*names} - {*operational.EVENT_TYPES})
    return missing(tenant.organization_id, names)


def create(organization_id: UUID, name: str, values: EventTypeValues, *, actor: Actor) -> EventType:
    """Store a new event type, or take an archived one of this name out of the archive.

    Raises EventTypeExistsError when there is one in use.
    """
    with transaction.atomic():
        archived = _lock(organization_id, name)
        if archived is None:
            return _insert(organization_id, name, values, actor)
        if not archived.archived:
            raise EventTypeExistsError
        return _update(archived, {"archived": False, **values}, actor)


def update(event_type: EventType, values: EventTypeValues, *, actor: Actor) -> EventType:
    """Store what differs from the row as it is now; raise EventType.DoesNotExist."""
    with transaction.atomic():
        locked = _lock(event_type.organization_id, event_type.name)
        if locked is None:
            raise EventType.DoesNotExist
        return _update(locked, {**values}, actor)


def expunge(event_type: EventType, *, actor: Actor) -> None:
    """Remove the event type for good; events of its name stay."""
    with transaction.atomic():
        if EventType.objects.filter(id=event_type.id).delete()[0]:
            touch_catalogue(event_type.organization_id)
            _record(actor, "event_type.expunged", event_type)


def _lock(organization_id: UUID, name: str) -> EventType | None:
    rows = EventType.objects.select_for_update(no_key=True)
    return rows.filter(organization_id=organization_id, name=name).first()


def _insert(organization_id: UUID, name: str, values: EventTypeValues, actor: Actor) -> EventType:
    try:
        with transaction.atomic():
            event_type = EventType.objects.create(
                organization_id=organization_id, name=name, **values
            )
    except IntegrityError:
        raise EventTypeExistsError from None
    touch_catalogue(organization_id)
    _record(actor, "event_type.created", event_type)
    return event_type


def _update(event_type: EventType, values: dict[str, Any], actor: Actor) -> EventType:
    changed = [name for name, value in values.items() if getattr(event_type, name) != value]
    if changed:
        for name in changed:
            setattr(event_type, name, values[name])
        event_type.updated_at = timezone.now()
        event_type.save(update_fields=[*changed, "updated_at"])
        touch_catalogue(event_type.organization_id)
        _record(actor, "event_type.updated", event_type, changed=changed)
    return event_type


def _record(actor: Actor, action: str, event_type: EventType, **detail: Any) -> None:
    record(
        actor,
        action,
        organization_id=event_type.organization_id,
        tenant_id=None,
        target=ids.to_text(PREFIX, event_type.id),
        detail={"name": event_type.name, **detail},
    )


def names(tenant: Tenant) -> list[str]:
    """Return the names of what the tenant's endpoints may get, archived ones left out."""
    if tenant.is_operational:
        return list(operational.EVENT_TYPES)
    rows = EventType.objects.filter(organization_id=tenant.organization_id, archived=False)
    return list(rows.order_by("name").values_list("name", flat=True))


def example(organization_id: UUID, name: str, *, index: int = 0) -> dict[str, Any] | None:
    """Return an example that is an object, of the newest schema that has any; or None."""
    row = EventType.objects.filter(organization_id=organization_id, name=name).first()
    versions = (row and row.schemas) or {}
    for schema in (versions[version] for version in newest_first(versions)):
        given = schema.get("examples", []) if isinstance(schema, dict) else []
        if found := [each for each in given if isinstance(each, dict)]:
            return found[index] if index < len(found) else None
    return None
