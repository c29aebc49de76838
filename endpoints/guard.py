"""The address policy of this installation, as the environment sets it."""

from functools import cache

from django.conf import settings

from endpoints.address_policy import AddressPolicy
from endpoints.url_policy import parse_url


@cache
def address_policy() -> AddressPolicy:
    """Return the guard that judges literals when they are saved and everything when dialled."""
    environment = settings.ENVIRONMENT
    own = parse_url(environment.WEBHOOKS_PUBLIC_URL)
    return AddressPolicy(
        allowed_networks=environment.WEBHOOKS_ALLOWED_NETWORKS, own_hosts=[(own.host, own.port)]
    )
