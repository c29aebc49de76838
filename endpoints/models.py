"""Who receives: organizations, their tenants, the tenants' endpoints and what guards them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from endpoints.roles import Role
from webhooks_platform.lib import ids


class Organization(models.Model):
    """A business unit or environment of the operator; owns keys, event types and tenants."""

    id = models.UUIDField(primary_key=True, default=ids.new)
    name = models.CharField(max_length=256)
    created_at = models.DateTimeField(default=timezone.now)
    is_default = models.BooleanField(default=False)
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
            )
        ]
        indexes = [models.Index(fields=["organization", "id"], name="tenant_page")]

    def __str__(self) -> str:
        return self.uid or self.name


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


class Endpoint(models.Model):
    """A receiver's URL with its filters, headers, secrets and policy.

    The URL is parsed once, when it is saved, and sent to by its parts: what was judged is what
    is dialled. Its userinfo and the custom headers are encrypted, for they carry credentials.
    """

    class Disabled(models.TextChoices):
        BY_USER = "user"
        #: The receiver answered 410.
        GONE = "gone"
        #: Deliveries kept exhausting their schedule for longer than WEBHOOKS_DISABLE_AFTER.
        FAILING = "failing"

    id = models.UUIDField(primary_key=True, default=ids.new)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="endpoints")
    uid = models.CharField(max_length=256, null=True, blank=True)
    #: Canonical and without userinfo.
    url = models.TextField()
    #: `user:password`, sealed for this endpoint (webhooks_platform.lib.keyring).
    userinfo = models.BinaryField(null=True, blank=True)
    description = models.TextField(blank=True, default="")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(
        max_length=16, choices=Disabled.choices, null=True, blank=True
    )
    #: Event types that match; null for all of them.
    event_types = ArrayField(models.CharField(max_length=256), null=True, blank=True)
    #: Channels of which an event must carry one; null for any event.
    channels = ArrayField(models.CharField(max_length=256), null=True, blank=True)
    #: Deliveries per second.
    throttle_rate = models.PositiveIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    #: JSON of [[name, value], …], sealed for this endpoint; names keep their case.
    headers = models.BinaryField(null=True, blank=True)
    #: Overrides of the tenant's delivery policy; see endpoints.policy.
    policy = models.JSONField(default=dict, blank=True)
    #: Grows with every change of the endpoint, its headers or its secrets; caches are keyed by it.
    version = models.BigIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "endpoint"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "uid"], condition=Q(uid__isnull=False), name="endpoint_uid"
            ),
            # The target of composite foreign keys, by which a row of another tenant is refused.
            models.UniqueConstraint(fields=["tenant", "id"], name="endpoint_of_tenant"),
        ]

    def __str__(self) -> str:
        return self.uid or ids.to_text(ids.ENDPOINT, self.id)


class SigningSecret(models.Model):
    """A key that signs for one endpoint: the current one, or a previous one until it expires."""

    class Kind(models.TextChoices):
        HMAC = "hmac"
        ED25519 = "ed25519"

    id = models.UUIDField(primary_key=True, default=ids.new)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="secrets")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    #: `whsec_…` or `whsk_…`, sealed for the endpoint; a token moved elsewhere is refused.
    ciphertext = models.BinaryField()
    #: Which key of the ring made the token, so that a key still in use is not removed.
    key_id = models.CharField(max_length=16, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)
    #: Null for the current secret; a previous one signs until then.
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "signing_secret"
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=Q(expires_at__isnull=True), name="one_current_secret"
            )
        ]
        indexes = [models.Index(fields=["endpoint", "-id"], name="secrets_of_endpoint")]

    def __str__(self) -> str:
        return f"{self.kind} secret of {self.endpoint_id}"


class EndpointHealth(models.Model):
    """How an endpoint has been answering; a row exists only once something went wrong."""

    endpoint = models.OneToOneField(Endpoint, models.CASCADE, primary_key=True)
    #: When a delivery first exhausted its schedule since the last success or enabling.
    first_exhausted_at = models.DateTimeField(null=True, blank=True)
    #: Nothing is claimed for the endpoint until then (Retry-After, open breaker).
    paused_until = models.DateTimeField(null=True, blank=True)
    #: Failures in a row that held a slot: timeouts, failed connects, failed TLS.
    consecutive_stalls = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "endpoint_health"
        verbose_name, verbose_name_plural = "endpoint health", "endpoint health"

    def __str__(self) -> str:
        return f"health of {self.endpoint_id}"


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
