"""`manage.py export_organization org_… > FILE`: what another cell needs to take it over."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from endpoints import relocation
from endpoints.audit import Actor
from endpoints.models import Organization
from webhooks_platform.lib import ids


class Command(BaseCommand):
    help = "Write an organization to stdout for import_organization. Secrets stay encrypted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organization", help="its id, org_…")

    def handle(self, **options: Any) -> None:
        organization = _organization(options["organization"])
        actor = Actor("manage.py export_organization")
        for line in relocation.lines_of(organization, actor=actor):
            self.stdout.write(line)


def _organization(text: str) -> Organization:
    try:
        return Organization.objects.get(id=ids.from_text(ids.ORGANIZATION, text))
    except (ids.MalformedIdError, Organization.DoesNotExist):
        raise CommandError(f"There is no organization {text!r}.") from None
