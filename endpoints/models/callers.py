"""Who may do something: members of tenants and organizations, and API keys."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from endpoints.models.portal_sessions import PortalSession
from endpoints.models.tenants import Organization, Tenant
from endpoints.roles import Role
from webhooks_platform.lib import ids


class Membership(models.Model):
    """A user's role: at one tenant, at all tenants of one organization, or everywhere."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.TENANT_ADMIN)
    #: For tenant admins.
    tenant = models.ForeignKey(
        Tenant, models.CASCADE, related_name="memberships", null=True, blank=True
    )
    #: For support staff.
    organization = models.ForeignKey(
        Organization, models.CASCADE, related_name="memberships", null=True, blank=True
    )

    class Meta:
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "tenant", "organization"],
                name="one_membership",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=(
                    Q(role=Role.TENANT_ADMIN, tenant__isnull=False, organization__isnull=True)
                    | Q(role=Role.SUPPORT, tenant__isnull=True, organization__isnull=False)
                    | Q(role=Role.OPERATOR, tenant__isnull=True, organization__isnull=True)
                ),
                name="membership_place",
                violation_error_message=(
                    "A tenant admin is one of a tenant, support is of an organization, "
                    "and an operator of neither."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.user_id}"


class ApiKey(models.Model):
    """A bearer key: 256 random bits, shown once, stored as SHA-256 beside a public prefix."""

    class Scope(models.TextChoices):
        PUBLISH = "publish"
        READ = "read"
        REPLAY = "replay"
        #: Includes `read` and `replay`.
        MANAGE = "manage"

    id = models.UUIDField(primary_key=True, default=ids.new)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_keys")
    #: Set for a key that works for one tenant only.
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True)
    #: Set for a token of the app portal.
    portal = models.ForeignKey(PortalSession, models.CASCADE, null=True, blank=True)
    name = models.CharField(max_length=256)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField()
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_key"
        verbose_name, verbose_name_plural = "API key", "API keys"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
