"""The row behind an app portal's link and its tokens."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from webhooks_platform.lib import ids


class PortalSession(models.Model):
    """Access of a tenant's people to their own endpoints; its tokens are API keys that name it."""

    class Capability(models.TextChoices):
        """What svix knows, by svix's names."""

        VIEW_BASE = "ViewBase"
        VIEW_ENDPOINT_SECRET = "ViewEndpointSecret"  # noqa: S105
        MANAGE_ENDPOINT_SECRET = "ManageEndpointSecret"  # noqa: S105
        MANAGE_TRANSFORMATIONS = "ManageTransformations"
        CREATE_ATTEMPTS = "CreateAttempts"
        MANAGE_ENDPOINT = "ManageEndpoint"

    id = models.UUIDField(primary_key=True, default=ids.new)
    tenant = models.ForeignKey("endpoints.Tenant", models.CASCADE)
    #: The operator's own name for it, by which it can be ended.
    session_id = models.CharField(max_length=256, null=True)
    #: Event types behind one of these flags are visible.
    feature_flags = ArrayField(models.CharField(max_length=256), default=list)
    capabilities = ArrayField(models.CharField(max_length=32, choices=Capability.choices))
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    #: SHA-256 of the code in the link; null once it has been used.
    code_digest = models.BinaryField(null=True, unique=True)
    code_expires_at = models.DateTimeField()

    class Meta:
        db_table = "portal_session"

    def __str__(self) -> str:
        return self.session_id or str(self.id)
