"""Rows that belong to no single app."""

from django.db import models


class IdempotencyKey(models.Model):
    """One `Idempotency-Key` that has been used, and what was answered to it.

    Narrow and unpartitioned, so that the key is unique across days.
    """

    # BLAKE2b-128 of organization, route and key: 16 bytes, whatever the client sent.
    id = models.UUIDField(primary_key=True)
    # BLAKE2b-128 of the request body; another body under the same key is a conflict.
    fingerprint = models.UUIDField()
    created_at = models.DateTimeField(db_index=True)
    # A publish keeps only its event: the answer is rendered from it again, byte for byte.
    event_id = models.UUIDField(null=True)
    status = models.SmallIntegerField(null=True)
    # The answer's body, encrypted, since it may hold a secret that is shown once.
    answer = models.BinaryField(null=True)

    class Meta:
        db_table = "idempotency_key"

    def __str__(self) -> str:
        return str(self.id)
