"""The first user of the admin, and the addresses a person needs to look around."""

import secrets
import shlex
from urllib.request import urlopen

import psycopg

from dev.errors import DevError
from dev.services import Services
from dev.terminal import say

_PATHS = {"admin": "/admin/", "docs": "/docs", "metrics": "/metrics"}


class DeadAddressError(DevError):
    """An address that is about to be shown does not answer."""


def make_admin(services: Services, database_url: str) -> str:
    """Make the superuser `admin` with a random password, unless there is a superuser.

    Returns what a person has to know to log in.
    """
    with psycopg.connect(database_url) as connection:
        query = "SELECT username FROM auth_user WHERE is_superuser ORDER BY id LIMIT 1"
        found = connection.execute(query).fetchone()
    if found is not None:
        name = shlex.quote(found[0])
        return f"user {name}; new password: .venv/bin/python manage.py changepassword {name}"
    password = secrets.token_urlsafe(12)
    services.manage(
        "createsuperuser",
        "--no-input",
        DJANGO_SUPERUSER_USERNAME="admin",
        DJANGO_SUPERUSER_EMAIL="admin@example.com",
        DJANGO_SUPERUSER_PASSWORD=password,
    )
    return f"user admin, password {password} (shown once)"


def check_pages(services: Services) -> None:
    """Raise `DeadAddressError` if one of the addresses does not answer with a page."""
    for path in _PATHS.values():
        _demand_page(services.url + path)


def show_addresses(services: Services, login: str) -> None:
    """Print them, once each has answered. Raises `DeadAddressError`."""
    check_pages(services)
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
