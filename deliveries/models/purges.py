"""Work that goes on after its request was answered, apart from replays."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from deliveries.models.decisions import LOWEST
from webhooks_platform.lib import ids


class ContentPurge(models.Model):
    """A request to empty all payloads that a tenant had at that time, and how far that has come."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"

    #: Events with a lower id are meant.
    id = models.UUIDField(primary_key=True, default=ids.new)
    organization_id = models.UUIDField()
    tenant_id = models.UUIDField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    created_by = models.CharField(max_length=256)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    #: Id of the last event looked at.
    position = models.UUIDField(default=LOWEST)
    #: How many payloads it has emptied.
    purged = models.BigIntegerField(default=0)

    class Meta:
        db_table = "content_purge"
        indexes = [
            models.Index(fields=["id"], condition=Q(state="running"), name="purge_running"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class BackgroundTask(models.Model):
    """Replay jobs and purges together; a database view, for reading."""

    #: `kind` of a purge; a replay's is its source.
    PURGE = "purge"

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    tenant_id = models.UUIDField()
    kind = models.CharField(max_length=16)
    state = models.CharField(max_length=16)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    #: Its counts, as svix shows them.
    data = models.JSONField()

    class Meta:
        managed = False
        db_table = "background_task"

    def __str__(self) -> str:
        return str(self.id)
