"""Make partitions ahead or drop expired ones, by hand or from a scheduler of the operator's."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from deliveries import retention


class Command(BaseCommand):
    help = "Make the partitions of the days ahead, or drop those older than the retention."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ensure", type=int, metavar="DAYS", help="days ahead of today")
        parser.add_argument(
            "--drop", action="store_true", help="drop what WEBHOOKS_RETENTION_DAYS has expired"
        )
        parser.add_argument("--dry-run", action="store_true", help="only print the names")

    def handle(self, *args: Any, **options: Any) -> None:
        days, dry_run = options["ensure"], options["dry_run"]
        if days is None and not options["drop"]:
            raise CommandError("Say --ensure DAYS, --drop or both.")
        if days is not None:
            self._print("make", retention.ensure_partitions(days, dry_run=dry_run))
        if options["drop"]:
            self._print("drop", retention.drop_expired(dry_run=dry_run))

    def _print(self, verb: str, names: list[str]) -> None:
        for name in names:
            self.stdout.write(f"{verb} {name}")
        if not names:
            self.stdout.write(f"nothing to {verb}")
