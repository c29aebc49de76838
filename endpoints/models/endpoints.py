"""Endpoints, the keys that sign for them, and how they have been answering."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from endpoints.models.tenants import Tenant
from webhooks_platform.lib import ids


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
    #: Failures in a row that held a slot: timeouts, failed connects, failed TLS; see breaker.py.
    consecutive_stalls = models.PositiveIntegerField(default=0)
    #: The delivery whose attempt decides, while the breaker is half open.
    probe_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "endpoint_health"
        verbose_name, verbose_name_plural = "endpoint health", "endpoint health"

    def __str__(self) -> str:
        return f"health of {self.endpoint_id}"
