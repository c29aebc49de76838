"""Re-encrypt everything with the newest key, and say which older keys may go."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from endpoints.audit import Actor
from endpoints.reencryption import (
    UNREADABLE,
    SealedColumn,
    count_keys,
    record_rotation,
    reencrypt,
)
from webhooks_platform.lib import keyring


class Command(BaseCommand):
    help = (
        "Re-encrypt secrets, headers and stored answers with the first key of "
        "WEBHOOKS_ENCRYPTION_KEYS. Put the new key there in every process first, and remove the "
        "old one only when this command says so. It may be interrupted and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; end with status 1 while rows use another key than the newest",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ring = keyring.configured()
        if not options["check"]:
            self._reencrypt(ring)
        self._conclude(ring)

    def _reencrypt(self, ring: keyring.Keyring) -> None:
        resealed: dict[str, int] = {}

        def report(column: SealedColumn, done: int) -> None:
            resealed[str(column)] = done
            self.stdout.write(f"{column}: {done} re-encrypted")

        try:
            done = reencrypt(ring, report)
        finally:
            record_rotation(ring, resealed, actor=Actor("manage.py rotate_encryption_key"))
        self.stdout.write(f"{done} values re-encrypted.")

    def _conclude(self, ring: keyring.Keyring) -> None:
        counts = count_keys(ring)
        for column, of_key in counts.items():
            for key_id, rows in sorted(of_key.items()):
                self.stdout.write(f"{column}: {rows} with key {key_id}{self._remark(ring, key_id)}")
        used = {key_id for of_key in counts.values() for key_id in of_key}
        if UNREADABLE in used:
            raise CommandError(
                "Some values can be opened with no key of the ring; do not remove any."
            )
        stale = used - {ring.newest_key_id}
        if stale:
            raise CommandError(f"Still in use, do not remove: {', '.join(sorted(stale))}")
        removable = ", ".join(ring.key_ids[1:])
        self.stdout.write(f"Keys that may be removed: {removable or 'none'}")

    def _remark(self, ring: keyring.Keyring, key_id: str) -> str:
        return " (newest)" if key_id == ring.newest_key_id else ""
