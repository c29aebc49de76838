"""What people decide on: dead letters, and what is to be delivered again."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from webhooks_platform.lib import ids


class Replay(models.Model):
    """A recorded decision to deliver again."""

    class Source(models.TextChoices):
        #: One delivery, by hand.
        RESEND = "resend"
        DEAD_LETTER = "dead-letter"
        FAILED = "failed"
        MISSING = "missing"
        ALL = "all"

    class State(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        CANCELLED = "cancelled"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.new)
    organization_id = models.UUIDField()
    tenant_id = models.UUIDField()
    source = models.CharField(max_length=16, choices=Source.choices)
    #: Which deliveries were meant: endpoint ids, event types, reasons, window.
    filters = models.JSONField(default=dict)
    note = models.CharField(max_length=1000, default="")
    created_by = models.CharField(max_length=256)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    total = models.BigIntegerField(default=0)
    queued = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    rate_per_second = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "replay"
        indexes = [models.Index(fields=["tenant_id", "-id"], name="replay_page")]

    def __str__(self) -> str:
        return ids.to_text(ids.REPLAY, self.id)


class DeadLetter(models.Model):
    """A delivery given up on, awaiting a person's decision."""

    class Reason(models.TextChoices):
        EXHAUSTED = "exhausted"
        PERMANENT = "permanent"
        GONE = "gone"
        POISON = "poison"
        EXPIRED = "expired"

    class Decision(models.TextChoices):
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = models.UUIDField(primary_key=True, default=ids.new)
    delivery_id = models.UUIDField()
    event_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    tenant_id = models.UUIDField()
    organization_id = models.UUIDField()
    event_type = models.CharField(max_length=256)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    attempts = models.SmallIntegerField()
    last_attempt_id = models.UUIDField(null=True)
    last_status_code = models.SmallIntegerField(null=True)
    last_error = models.CharField(max_length=32, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    decision = models.CharField(max_length=16, choices=Decision.choices, null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=256, null=True)
    note = models.CharField(max_length=1000, null=True)
    replay = models.ForeignKey(Replay, models.PROTECT, null=True)

    class Meta:
        db_table = "dead_letter"
        constraints = [
            models.UniqueConstraint(
                fields=["delivery_id"],
                condition=Q(decision__isnull=True),
                name="one_open_letter_per_delivery",
            )
        ]
        indexes = [
            models.Index(
                fields=["tenant_id", "-id"],
                condition=Q(decision__isnull=True),
                name="open_dead_letters",
            ),
            models.Index(fields=["tenant_id", "-id"], name="dead_letter_page"),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.DEAD_LETTER, self.id)
