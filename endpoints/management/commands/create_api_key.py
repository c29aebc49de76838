"""`manage.py create_api_key --platform NAME` or `--tenant UID NAME`: the first key, on stdout."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from endpoints import key_issuing
from endpoints.audit import Actor
from endpoints.models import ApiKey, Organization, Tenant
from webhooks_platform.lib import ids


class Command(BaseCommand):
    help = "Make an API key of the default organization, and print it alone on stdout."

    def add_arguments(self, parser: ArgumentParser) -> None:
        kind = parser.add_mutually_exclusive_group(required=True)
        kind.add_argument("--platform", metavar="NAME", help="a key for the whole organization")
        kind.add_argument(
            "--tenant", nargs=2, metavar=("UID", "NAME"), help="a key for one tenant, by uid or id"
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=ApiKey.Scope.values,
            help="may be repeated; without it the key has all scopes",
        )

    def handle(self, **options: Any) -> None:
        organization = Organization.objects.get(is_default=True)
        uid, name = options["tenant"] or (None, options["platform"])
        if not name.strip():
            raise CommandError("The key needs a name.")
        tenant = _tenant(organization, uid) if uid is not None else None
        _, text = key_issuing.issue(
            organization,
            tenant=tenant,
            name=name,
            scopes=options["scope"] or ApiKey.Scope.values,
            actor=Actor("manage.py create_api_key"),
        )
        self.stdout.write(text)


def _tenant(organization: Organization, uid: str) -> Tenant:
    rows = Tenant.objects.filter(organization=organization, deleted_at__isnull=True)
    try:
        found = rows.filter(uid=uid).first()
        found = found or rows.filter(id=ids.from_text(ids.TENANT, uid)).first()
    except ids.MalformedIdError:
        found = None
    if found is None:
        raise CommandError(f"There is no tenant {uid!r}.")
    return found
