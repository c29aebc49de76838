"""What one user of the admin may do, and at which tenants: the answer to every scope question."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from endpoints.models import Membership, Tenant
from endpoints.roles import CAPABILITIES, Capability, Role


@dataclass(frozen=True)
class Access:
    """Read once a request; operators and superusers may do everything everywhere."""

    is_operator: bool
    #: Each membership's capabilities, with its tenant or its organization.
    at_tenants: tuple[tuple[frozenset[Capability], UUID], ...] = ()
    at_organizations: tuple[tuple[frozenset[Capability], UUID], ...] = ()

    @classmethod
    def of(cls, user: User) -> Self:
        if user.is_superuser:
            return cls(is_operator=True)
        held = list(
            Membership.objects.filter(user=user)
            .exclude(tenant__deleted_at__isnull=False)
            .values_list("role", "tenant_id", "organization_id")
        )
        return cls(
            is_operator=any(role == Role.OPERATOR for role, _, _ in held),
            at_tenants=tuple((CAPABILITIES[role], tenant) for role, tenant, _ in held if tenant),
            at_organizations=tuple(
                (CAPABILITIES[role], organization) for role, _, organization in held if organization
            ),
        )

    def may(self, capability: Capability) -> bool:
        """Whether there is any tenant where the user may do this."""
        return self.is_operator or any(
            capability in held for held, _ in (*self.at_tenants, *self.at_organizations)
        )

    def tenant_ids(self, capability: Capability = Capability.READ) -> list[UUID]:
        """Return the tenants of which the user is a member and may do this."""
        return [tenant for held, tenant in self.at_tenants if capability in held]

    def organization_ids(self, capability: Capability = Capability.READ) -> list[UUID]:
        """Return the organizations at whose tenants the user may do this."""
        return [found for held, found in self.at_organizations if capability in held]

    def tenants(self, capability: Capability = Capability.READ) -> QuerySet[Tenant]:
        """Return the tenants, not deleted, where the user may do this."""
        rows = Tenant.objects.filter(deleted_at__isnull=True)
        if self.is_operator:
            return rows
        return rows.filter(
            Q(id__in=self.tenant_ids(capability))
            | Q(organization_id__in=self.organization_ids(capability))
        )

    def reaches(self, tenant_id: UUID | None, capability: Capability = Capability.READ) -> bool:
        """Whether the user may do this at one tenant; what has no tenant is the operators'."""
        if self.is_operator:
            return True
        if tenant_id is None:
            return False
        if tenant_id in self.tenant_ids(capability):
            return True
        organizations = self.organization_ids(capability)
        return (
            bool(organizations)
            and Tenant.objects.filter(
                id=tenant_id, organization_id__in=organizations, deleted_at__isnull=True
            ).exists()
        )
