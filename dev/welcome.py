"""The first user of the admin, and the addresses a person needs to look around."""

import secrets
from urllib.request import urlopen

import psycopg

from dev.errors import DevError
from dev.services import Services
from dev.terminal import say

_PATHS = {"admin": "/admin/", "docs": "/docs", "metrics": "/metrics"}


class DeadAddressError(DevError):
    """An address that is about to be shown does not answer."""


def make_admin(services: Services, database_url: str) -> str | None:
    """Make the superuser `admin` and return its random password; None if there is a superuser."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT 1 FROM auth_user WHERE is_superuser LIMIT 1").fetchone()
    if found is not None:
        return None
    password = secrets.token_urlsafe(12)
    services.manage(
        "createsuperuser",
        "--no-input",
        DJANGO_SUPERUSER_USERNAME="admin",
        DJANGO_SUPERUSER_EMAIL="admin@example.com",
        DJANGO_SUPERUSER_PASSWORD=password,
    )
    return password


def show_addresses(services: Services, password: str | None) -> None:
    """Print them. Raises `DeadAddressError` if one does not answer with a page."""
    for path in _PATHS.values():
        _demand_page(services.url + path)
    login = "user admin" if password is None else f"user admin, password {password} (shown once)"
    say(f"admin      {services.url}{_PATHS['admin']}  {login}")
    say(f"API docs   {services.url}{_PATHS['docs']}")
    say(f"metrics    {services.url}{_PATHS['metrics']}")
    say(f"logs       {services.run_dir}")


def _demand_page(url: str) -> None:
    """Follow redirects, as a browser does; the admin sends strangers to its login."""
    try:
        with urlopen(url, timeout=10):  # noqa: S310  The address is our own.
            return
    except OSError as error:
        raise DeadAddressError(f"{url} does not answer: {error}") from error
