"""The audit log."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from webhooks_platform.lib import ids


class AuditEntry(models.Model):
    """One change or decision; append-only, and without foreign keys: it outlives its target."""

    id = models.UUIDField(primary_key=True, default=ids.new)
    at = models.DateTimeField(default=timezone.now)
    organization_id = models.UUIDField()
    tenant_id = models.UUIDField(null=True)
    #: The user's name, or the API key by id, name or prefix.
    actor = models.CharField(max_length=256)
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=64)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, null=True)

    class Meta:
        db_table = "audit_entry"
        verbose_name, verbose_name_plural = "audit entry", "audit log"
        indexes = [
            models.Index(fields=["organization_id", "-id"], name="audit_of_organization"),
            models.Index(fields=["tenant_id", "-id"], name="audit_of_tenant"),
            # What the admin finds entries by.
            models.Index(fields=["action", "-id"], name="audit_of_action"),
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["target", "-id"], name="audit_of_target"),
            models.Index(
                fields=["request_id"],
                condition=Q(request_id__isnull=False),
                name="audit_of_request",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
