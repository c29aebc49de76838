"""The log of requests made."""

from django.db import models

from deliveries.models.states import Trigger
from webhooks_platform.lib import ids


class Attempt(models.Model):
    """One HTTP request and its outcome; its id holds the instant at which it began."""

    id = models.UUIDField(primary_key=True)
    delivery_id = models.UUIDField()
    event_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    tenant_id = models.UUIDField()
    number = models.SmallIntegerField()
    trigger = models.SmallIntegerField(choices=Trigger.choices)
    #: Null when it is not known: the worker died.
    duration_ms = models.IntegerField(null=True)
    #: 0 for a network failure.
    status_code = models.SmallIntegerField()
    #: Null for a success.
    error_kind = models.CharField(max_length=32, null=True)
    #: Where it was sent, without userinfo.
    url = models.TextField()
    #: First 16 KiB of the answer as text.
    response = models.TextField()
    #: When the next attempt is due, as decided then.
    next_attempt_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "attempt"
        indexes = [
            models.Index(fields=["event_id"], name="attempts_of_event"),
            models.Index(fields=["endpoint_id", "id"], name="attempts_of_endpoint"),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.ATTEMPT, self.id)
