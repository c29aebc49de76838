"""What was published."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import CompositePrimaryKey, Q

from webhooks_platform.lib import ids


class Event(models.Model):
    """What a product service published; the payload's bytes never change, but may be emptied."""

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    tenant_id = models.UUIDField()
    event_type = models.CharField(max_length=256)
    #: The tenant's own id of the event (`eventId` on the wire).
    uid = models.CharField(max_length=256, null=True)
    channels = ArrayField(models.CharField(max_length=256), null=True)
    #: As received; null once emptied.
    payload = models.BinaryField(null=True)
    #: When the payload is to be emptied, or was, if before the whole partition goes.
    payload_expires_at = models.DateTimeField(null=True)
    #: When its deliveries become due, if not at once.
    deliver_at = models.DateTimeField(null=True)
    tags = ArrayField(models.CharField(max_length=256), null=True)
    #: Headers of its requests, sealed (message_headers.py); emptied with the payload.
    headers = models.BinaryField(null=True)
    correlation_id = models.CharField(max_length=256, null=True)
    #: Null if the publisher sent none; see `request`.
    request_id = models.CharField(max_length=256, null=True)
    #: W3C Trace Context of the publish.
    traceparent = models.CharField(max_length=128, null=True)

    class Meta:
        db_table = "event"
        indexes = [
            models.Index(fields=["tenant_id", "id"], name="event_page"),
            models.Index(
                fields=["payload_expires_at"],
                condition=Q(payload_expires_at__isnull=False, payload__isnull=False),
                name="event_payload_expiry",
            ),
            # Null is the rule for both, and then a publish writes nothing to them.
            GinIndex(fields=["tags"], condition=Q(tags__isnull=False), name="event_tags"),
            models.Index(
                fields=["id"], condition=Q(headers__isnull=False), name="event_with_headers"
            ),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.EVENT, self.id)

    @property
    def request(self) -> str:
        """The id of the request that published it: its own in hexadecimal, if none was sent."""
        return self.request_id or self.id.hex


class EventUid(models.Model):
    """Keeps `eventId` unique in a tenant across the days by which Event is partitioned."""

    pk = CompositePrimaryKey("tenant_id", "uid")
    tenant_id = models.UUIDField()
    uid = models.CharField(max_length=256)
    event_id = models.UUIDField()

    class Meta:
        db_table = "event_uid"

    def __str__(self) -> str:
        return self.uid
