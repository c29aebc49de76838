"""What people decide on: dead letters, and what is to be delivered again."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webhooks_platform.lib import ids

LOWEST = UUID(int=0)


class Replay(models.Model):
    """A recorded decision to deliver again: one delivery by hand, or a job over many.

    `delivered + failed + queued` is what has been taken up; the rest of `total` is still to be.
    """

    class Source(models.TextChoices):
        #: One delivery, by hand.
        RESEND = "resend"
        #: Open dead letters.
        DEAD_LETTER = "dead-letter"
        #: What failed last and waits for nothing.
        FAILED = "failed"
        #: What was never attempted: parked, or published before the endpoint wanted it.
        MISSING = "missing"
        #: Everything of the window, delivered ones too.
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
    #: Whether `total` is exact; a count that takes long is finished by a delivery loop.
    counted = models.BooleanField(default=True)
    #: Nothing is left to take up; the job ends with what is queued.
    taken_up = models.BooleanField(default=True)
    #: The pace is used up to this instant.
    paced_at = models.DateTimeField(null=True)
    #: The first events of the selection, as counted at the start.
    sample = ArrayField(models.UUIDField(), default=list)

    class Meta:
        db_table = "replay"
        indexes = [
            models.Index(fields=["tenant_id", "-id"], name="replay_page"),
            models.Index(
                fields=["id"], condition=Q(state="running", taken_up=False), name="replay_running"
            ),
            models.Index(fields=["source"], condition=Q(state="running"), name="replays_running"),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.REPLAY, self.id)


class ReplayLane(models.Model):
    """One endpoint's part of a replay job, and how far it has been taken up.

    By endpoints, so that one which hangs does not hold up the others of its job.
    """

    pk = models.CompositePrimaryKey("replay", "endpoint_id")
    replay = models.ForeignKey(Replay, models.CASCADE, related_name="lanes")
    endpoint_id = models.UUIDField()
    #: Id of the last letter, delivery or event looked at; they are taken up in that order.
    position = models.UUIDField(default=LOWEST)
    done = models.BooleanField(default=False)
    #: When it was last taken from; lanes have turns.
    turn_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "replay_lane"

    def __str__(self) -> str:
        return f"{ids.to_text(ids.ENDPOINT, self.endpoint_id)} of {self.replay_id}"


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
    replay = models.ForeignKey(Replay, models.PROTECT, null=True, db_index=False)

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
            models.Index(
                fields=["organization_id", "-id"],
                condition=Q(decision__isnull=True),
                name="open_letters_of_organization",
            ),
            models.Index(fields=["organization_id", "-id"], name="letters_of_organization"),
            models.Index(
                fields=["endpoint_id", "id"],
                condition=Q(decision__isnull=True),
                name="open_letters_of_endpoint",
            ),
            models.Index(fields=["replay"], name="letters_of_replay"),
            models.Index(fields=["delivery_id"], name="letters_of_delivery"),
        ]

    def __str__(self) -> str:
        return ids.to_text(ids.DEAD_LETTER, self.id)
