"""The names this platform answers to, for a door that does not pass Django's middleware."""

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from webhooks_platform.api.errors import bad_request

#: Names found good.
_good: set[str | None] = set()
_REMEMBERED = 1000


def check_host(host: str | None) -> None:
    """Raise the 400 for a Host header that names somebody else."""
    if host in _good:
        return
    domain, _ = split_domain_port(host or "")
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise bad_request()
    if len(_good) < _REMEMBERED:
        _good.add(host)
