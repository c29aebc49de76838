"""Questions about usage, which are answered in the background."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webhooks_platform.lib import ids


class UsageQuestion(models.Model):
    """A question about many tenants of an organization; a delivery loop works out the answer."""

    class Kind(models.TextChoices):
        USAGE = "usage"
        EVENT_TYPES = "event_types"

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.new)
    organization_id = models.UUIDField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    #: Null for all tenants.
    tenant_ids = ArrayField(models.UUIDField(), null=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    #: No other loop works on it until then.
    taken_until = models.DateTimeField(default=timezone.now)
    answer = models.JSONField(null=True)

    class Meta:
        db_table = "usage_question"
        indexes = [
            models.Index(fields=["organization_id", "-id"], name="usage_question_page"),
            models.Index(
                fields=["taken_until"], condition=Q(state="running"), name="usage_question_running"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
