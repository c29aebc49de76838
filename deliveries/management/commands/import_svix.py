"""`manage.py import_svix --url https://svix.example.com`: bring what another installation has."""

import csv
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from deliveries.svix_import import Report, bring, opened
from endpoints.models import Organization
from endpoints.url_policy import UrlNotAllowed, parse_url
from webhooks_platform.lib import ids


class Command(BaseCommand):
    help = (
        "Bring applications, event types and endpoints, with headers and secrets, from an API like "
        "svix'. May be interrupted and run again: what is here already is compared, not doubled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="what the SDKs have as server_url there")
        parser.add_argument("--token-file", type=Path, help="a file with nothing but the token")
        parser.add_argument(
            "--token-env", default="SVIX_TOKEN", metavar="NAME", help="the variable that holds it"
        )
        parser.add_argument(
            "--app", action="append", default=[], metavar="UID", help="only this one; repeatable"
        )
        parser.add_argument("--organization", metavar="ID", help="else the default one")
        parser.add_argument("--mapping", type=Path, help="write ids there and here, as CSV")
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, **options: Any) -> None:
        organization, token = _organization(options["organization"]), _token(options)
        report = Report(self.stdout.write)
        if options["dry_run"]:
            self.stdout.write("dry run: nothing of this is kept")
        with opened(_url(options["url"]), token) as source:
            bring(source, organization, report, apps=options["app"], dry_run=options["dry_run"])
        self._conclude(report, options["mapping"])

    def _conclude(self, report: Report, mapping: Path | None) -> None:
        if mapping is not None:
            with mapping.open("w", newline="") as file:
                csv.writer(file).writerows([("kind", "there", "here"), *report.moved])
        elif report.moved:
            self.stdout.write("ids that are others here (kind, there, here):")
            csv.writer(self.stdout).writerows(report.moved)
        for line in report.summary():
            self.stdout.write(line)
        if report.failed:
            raise CommandError("Not everything could be brought; see the lines above.")


def _url(text: str) -> str:
    try:
        return parse_url(text).display
    except UrlNotAllowed as error:
        raise CommandError(f"--url: {error}") from None


def _token(options: dict[str, Any]) -> str:
    """Read the token; not from the command line, which every process on the machine can see."""
    try:
        file = options["token_file"]
        token = file.read_text() if file else os.environ.get(options["token_env"], "")
    except OSError as error:
        raise CommandError(f"--token-file: {error.strerror}") from None
    if not token.strip():
        raise CommandError(f"There is no token: set {options['token_env']}, or give --token-file.")
    return token.strip()


def _organization(text: str | None) -> Organization:
    """Find it by its id, or by the one it has in JWTs made for svix-server."""
    if text is None:
        return Organization.objects.get(is_default=True)
    try:
        wanted = Q(id=ids.from_text(ids.ORGANIZATION, text))
    except ids.MalformedIdError:
        wanted = Q(subject=text)
    found = Organization.objects.filter(wanted).first()
    if found is None:
        raise CommandError(f"There is no organization {text!r}.")
    return found
