"""Questions that are answered in the background, as svix' background tasks."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webhooks_platform.lib import ids


class BackgroundTask(models.Model):
    """A question about many tenants of an organization; a delivery loop works out the answer."""

    class Kind(models.TextChoices):
        """What svix calls it."""

        USAGE = "application.stats"
        EVENT_TYPES = "event-type.aggregate"

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.new)
    organization_id = models.UUIDField()
    kind = models.CharField(max_length=32, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    #: Null for all tenants.
    tenant_ids = ArrayField(models.UUIDField(), null=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=timezone.now)
    #: No other loop works on it until then.
    taken_until = models.DateTimeField(default=timezone.now)
    answer = models.JSONField(null=True)

    class Meta:
        db_table = "background_task"
        indexes = [
            models.Index(fields=["organization_id", "-id"], name="background_task_page"),
            models.Index(
                fields=["taken_until"], condition=Q(state="running"), name="background_task_running"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
