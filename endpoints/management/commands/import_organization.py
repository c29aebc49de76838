"""`manage.py import_organization FILE`: take over what export_organization wrote elsewhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from endpoints import relocation
from endpoints.audit import Actor
from webhooks_platform.lib import ids, keyring


class Command(BaseCommand):
    help = "Take over an organization, all or nothing; print its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="what export_organization wrote")

    def handle(self, **options: Any) -> None:
        actor = Actor("manage.py import_organization")
        try:
            lines = options["file"].read_text().split("\n")[:-1]
            organization = relocation.take_in(lines, keyring.configured(), actor=actor)
        except (OSError, UnicodeDecodeError, relocation.RelocationError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(ids.to_text(ids.ORGANIZATION, organization.id))
