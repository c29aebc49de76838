"""Give and take roles; every change is audited and holds for the user's next request."""

from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db import transaction

from endpoints.audit import Actor, record
from endpoints.models import Membership, Organization
from endpoints.roles import Role
from webhooks_platform.lib import ids

#: What an audit entry's target holds.
TARGET_CHARACTERS = 64


@transaction.atomic
def add(membership: Membership, *, actor: Actor) -> None:
    """Store a new membership; its user may sign in to the admin and joins the role's group."""
    membership.save(force_insert=True)
    user: User = membership.user
    if not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    user.groups.add(group_of(membership.role))
    _record(actor, "membership.added", membership)


@transaction.atomic
def remove(membership: Membership, *, actor: Actor) -> None:
    """End a membership, and the user's place in the group if it was the last of its role."""
    _record(actor, "membership.removed", membership)
    user: User = membership.user
    membership.delete()
    if not Membership.objects.filter(user=user, role=membership.role).exists():
        user.groups.remove(group_of(membership.role))


def record_user(action: str, user: User, *, actor: Actor, **detail: object) -> None:
    """Audit a change of a user, who belongs to no organization: in the default one's log."""
    organization = Organization.objects.get(is_default=True)
    record(
        actor,
        action,
        organization_id=organization.id,
        tenant_id=None,
        target=user.get_username()[:TARGET_CHARACTERS],
        detail=detail,
    )


def group_of(role: str) -> Group:
    """Return the group that bears the role's name, made by migration."""
    return Group.objects.get_or_create(name=Role(role).label)[0]


def _record(actor: Actor, action: str, membership: Membership) -> None:
    record(
        actor,
        action,
        organization_id=_organization_id(membership),
        tenant_id=membership.tenant_id,
        target=_target(membership),
        detail={"user": membership.user.get_username(), "role": membership.role},
    )


def _target(membership: Membership) -> str:
    if membership.tenant_id is not None:
        return ids.to_text(ids.TENANT, membership.tenant_id)
    return ids.to_text(ids.ORGANIZATION, _organization_id(membership))


def _organization_id(membership: Membership) -> UUID:
    """Return whose log the change belongs to; what concerns all is the default organization's."""
    if membership.tenant is not None:
        return membership.tenant.organization_id
    if membership.organization_id is not None:
        return membership.organization_id
    return Organization.objects.get(is_default=True).id
