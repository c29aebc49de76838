"""Who may do what in the admin: three roles, and what each is for.

A role is held at a tenant (tenant admins), at an organization (support staff) or everywhere
(operators); Membership says who holds which. Groups of the same names are made by migration.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.db import models


class Capability(StrEnum):
    """What somebody may do with a tenant's rows."""

    #: See everything but secrets.
    READ = "read"
    #: Resend, replay and discard.
    REPLAY = "replay"
    #: Make, change, disable and test endpoints, rotate and reveal their secrets.
    CONFIGURE = "configure"
    #: Organizations, tenants, API keys, event types and people.
    OPERATE = "operate"


class Role(models.TextChoices):
    TENANT_ADMIN = "admin", "Tenant admin"
    SUPPORT = "support", "Support"
    OPERATOR = "operator", "Operator"


CAPABILITIES: Final[Mapping[str, frozenset[Capability]]] = {
    Role.TENANT_ADMIN: frozenset({Capability.READ, Capability.REPLAY, Capability.CONFIGURE}),
    Role.SUPPORT: frozenset({Capability.READ, Capability.REPLAY}),
    Role.OPERATOR: frozenset(Capability),
}
