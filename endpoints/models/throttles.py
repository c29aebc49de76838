"""How far tenants and endpoints are ahead of their rates."""

from django.db import models


class Throttle(models.Model):
    """The bucket of one tenant or endpoint; made by the first claim that meets its rate."""

    #: Id of the tenant or endpoint. No foreign key: the claim writes it.
    key = models.UUIDField(primary_key=True)
    #: When the bucket was empty; it has filled at its rate since. A change of the rate changes
    #: nothing here.
    empty_at = models.DateTimeField()

    class Meta:
        db_table = "throttle"

    def __str__(self) -> str:
        return str(self.key)
