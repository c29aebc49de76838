"""Bring one event type into the catalogue of an organization, by its name."""

from deliveries.svix_import.report import Done
from deliveries.svix_import.source import Row
from endpoints import event_types
from endpoints.api.serializers.event_types import EventTypeIn
from endpoints.audit import Actor
from endpoints.models import EventType, Organization

ACTOR = Actor("manage.py import_svix")
FIELDS = (
    "name",
    "description",
    "archived",
    "deprecated",
    "schemas",
    "featureFlag",
    "featureFlags",
    "groupName",
    # Not svix', but another installation's of ours.
    "validatePayloads",
)


def bring(organization: Organization, row: Row) -> Done:
    """Create or update it; raises what the API's own rules refuse."""
    body = EventTypeIn(data={name: row[name] for name in FIELDS if name in row})
    body.is_valid(raise_exception=True)
    values = body.validated_data
    name = values.pop("name")
    found = EventType.objects.filter(organization=organization, name=name).first()
    if found is None:
        event_types.create(organization.id, name, values, actor=ACTOR)
        return Done.CREATED
    after = event_types.update(found, values, actor=ACTOR)
    return Done.UNCHANGED if after.updated_at == found.updated_at else Done.UPDATED
