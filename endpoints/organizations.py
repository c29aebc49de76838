"""Make and change organizations; audited."""

from collections.abc import Sequence

from django.db import transaction

from endpoints.audit import Actor, record
from endpoints.changes import touch_catalogue
from endpoints.models import Organization
from webhooks_platform.lib import ids


@transaction.atomic
def save(organization: Organization, *, changed: Sequence[str], actor: Actor) -> None:
    """Store a new organization, or the fields of an old one that have changed."""
    is_new = organization._state.adding
    if is_new:
        organization.save(force_insert=True)
    elif changed:
        organization.save(update_fields=list(changed))
        if "validates_payloads" in changed:
            touch_catalogue(organization.id)
    if is_new or changed:
        record(
            actor,
            "organization.created" if is_new else "organization.updated",
            organization_id=organization.id,
            tenant_id=None,
            target=ids.to_text(ids.ORGANIZATION, organization.id),
            detail={} if is_new else {"changed": list(changed)},
        )
