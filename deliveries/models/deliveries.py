"""Deliveries: open ones in the queue, settled ones in the history, and a view over both."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from deliveries.models.states import DeliveryStatus, Trigger, Wait
from webhooks_platform.lib import ids


class DeliveryFacts(models.Model):
    """What an open and a settled delivery both know."""

    #: SQL function delivery_id(event, endpoint): one delivery per pair, in the event's day.
    id = models.UUIDField(primary_key=True)
    event_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    tenant_id = models.UUIDField()
    status = models.SmallIntegerField(choices=DeliveryStatus.choices)
    #: Requests made or being made, manual ones too; the last attempt's number.
    attempts = models.SmallIntegerField(default=0)
    #: 0 for a network failure, null before the first attempt.
    last_status_code = models.SmallIntegerField(null=True)
    #: Class of the last failure (error_kinds), null after a success.
    last_error = models.CharField(max_length=32, null=True)

    class Meta:
        abstract = True


class OpenDelivery(DeliveryFacts):
    """The queue: deliveries that are due at some time or being sent.

    No index knows the columns that a claim changes, so claims are heap-only updates.
    """

    next_attempt_at = models.DateTimeField()
    wait = models.SmallIntegerField(choices=Wait.choices, default=Wait.SCHEDULE)
    trigger = models.SmallIntegerField(choices=Trigger.choices, default=Trigger.SCHEDULED)
    #: Failed attempts charged to the retry schedule.
    charged = models.SmallIntegerField(default=0)
    #: Faults of ours in a row; they are not charged.
    faults = models.SmallIntegerField(default=0)
    #: Attempts whose worker died; the third makes a dead letter.
    lost = models.SmallIntegerField(default=0)
    #: Fencing token: the Lease that holds the row, null while pending.
    lease_id = models.UUIDField(null=True)
    #: The automatic retry that goes on when a manual attempt fails.
    scheduled_at = models.DateTimeField(null=True)
    #: What a re-opened delivery was, and is again when a manual attempt fails.
    settled_as = models.SmallIntegerField(choices=DeliveryStatus.choices, null=True)
    #: A manual attempt was asked for while one was under way.
    manual_requested = models.BooleanField(default=False)
    #: The resend that asked for the manual attempt.
    replay_id = models.UUIDField(null=True)
    #: The replay job that took it up; all its attempts count there until it settles.
    job_id = models.UUIDField(null=True)

    class Meta:
        db_table = "open_delivery"
        verbose_name, verbose_name_plural = "open delivery", "open deliveries"
        indexes = [
            models.Index(fields=["endpoint_id", "next_attempt_at"], name="open_delivery_lane"),
            # What a job has queued and nobody has tried yet; other rows are not in it.
            models.Index(
                fields=["job_id", "endpoint_id"],
                condition=Q(job_id__isnull=False, charged=0),
                name="untried_of_replay",
            ),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.DELIVERY, self.id)


class Lease(models.Model):
    """A batch of open deliveries handed to one delivery loop until a time.

    One row per claim. Recording does not touch it: when it expires, the sweep gives back what
    still carries its id, and removes it.
    """

    id = models.UUIDField(primary_key=True)
    expires_at = models.DateTimeField(db_index=True)
    delivery_ids = ArrayField(models.UUIDField())

    class Meta:
        db_table = "lease"

    def __str__(self) -> str:
        return str(self.id)


class SettledDelivery(DeliveryFacts):
    """A delivery that waits for nothing any more."""

    settled_at = models.DateTimeField()

    class Meta:
        db_table = "settled_delivery"
        verbose_name, verbose_name_plural = "settled delivery", "settled deliveries"
        indexes = [
            models.Index(fields=["endpoint_id", "id"], name="settled_of_endpoint"),
            # What a replay of the failed looks for; delivered ones are not in it.
            models.Index(
                fields=["endpoint_id", "id"],
                condition=Q(last_error__isnull=False) & ~Q(status=DeliveryStatus.DELIVERED),
                name="failed_of_endpoint",
            ),
            models.Index(
                fields=["endpoint_id", "id"],
                condition=Q(status=DeliveryStatus.CANCELLED),
                name="cancelled_of_endpoint",
            ),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.DELIVERY, self.id)


class Delivery(DeliveryFacts):
    """Open and settled deliveries together; a database view, for reading."""

    next_attempt_at = models.DateTimeField(null=True)
    wait = models.SmallIntegerField(choices=Wait.choices, null=True)
    charged = models.SmallIntegerField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "delivery"
        verbose_name, verbose_name_plural = "delivery", "deliveries"

    def __str__(self) -> str:
        return ids.to_text(ids.DELIVERY, self.id)
