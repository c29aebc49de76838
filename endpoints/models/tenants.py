"""Organizations, their tenants, and what both may publish."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webhooks_platform.lib import ids


class Organization(models.Model):
    """A business unit or environment of the operator; owns keys, event types and tenants."""

    id = models.UUIDField(primary_key=True, default=ids.new)
    name = models.CharField(max_length=256)
    created_at = models.DateTimeField(default=timezone.now)
    is_default = models.BooleanField(default=False)
    #: Whether every publish must satisfy its event type's schema, if that has one.
    validates_payloads = models.BooleanField(default=False, db_default=False)
    #: Grows with every change of what publishes are checked by (endpoints.catalogues).
    catalogue_version = models.BigIntegerField(default=1, db_default=1)
    #: Its id (`sub`) in JWTs made for svix-server, whose ids are no UUIDs.
    subject = models.CharField(max_length=64, null=True, blank=True, unique=True)

    class Meta:
        db_table = "organization"
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_organization"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Tenant(models.Model):
    """A customer of the operator (`app` on the wire); owns endpoints and events."""

    id = models.UUIDField(primary_key=True, default=ids.new)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="tenants")
    #: The operator's own name for it; unique in the organization while the tenant exists.
    uid = models.CharField(max_length=256, null=True, blank=True)
    name = models.CharField(max_length=1024)
    #: Deliveries per second over all endpoints of the tenant.
    throttle_rate = models.PositiveIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    #: Overrides of the platform's delivery policy; see endpoints.policy.
    policy = models.JSONField(default=dict, blank=True)
    #: Owns the organization's operational endpoints (endpoints.operational); never listed.
    is_operational = models.BooleanField(default=False, db_default=False)
    #: Grows with every change; caches are keyed by it.
    version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "tenant"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "uid"], condition=Q(uid__isnull=False), name="tenant_uid"
            ),
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(is_operational=True, deleted_at__isnull=True),
                name="one_operational_tenant",
            ),
        ]
        indexes = [models.Index(fields=["organization", "id"], name="tenant_page")]

    def __str__(self) -> str:
        return self.uid or self.name


class EventType(models.Model):
    """Catalogue entry of an organization, with a JSON Schema for each version of the type."""

    id = models.UUIDField(primary_key=True, default=ids.new)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="event_types")
    name = models.CharField(max_length=256)
    description = models.TextField(blank=True)
    archived = models.BooleanField(default=False)
    deprecated = models.BooleanField(default=False)
    #: Version name -> JSON Schema.
    schemas = models.JSONField(null=True, blank=True)
    #: Whether publishes of the type must satisfy the newest schema.
    validates_payloads = models.BooleanField(default=False, db_default=False)
    feature_flags = ArrayField(models.CharField(max_length=256), default=list, blank=True)
    group_name = models.CharField(max_length=256, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "event_type"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="event_type_name")
        ]

    def __str__(self) -> str:
        return self.name
