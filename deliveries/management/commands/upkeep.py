"""Do all upkeep of storage once, as the Celery task does it every hour."""

from typing import Any

from django.core.management.base import BaseCommand

from deliveries import retention


class Command(BaseCommand):
    help = "Make partitions ahead, drop expired ones, empty expired payloads, forget used keys."

    def handle(self, *args: Any, **options: Any) -> None:
        done = retention.run()
        self.stdout.write(f"partitions made: {len(done.made)}, dropped: {len(done.dropped)}")
        self.stdout.write(f"payloads emptied: {done.payloads_emptied}")
        self.stdout.write(f"idempotency keys forgotten: {done.keys_forgotten}")
        self.stdout.write(f"old decisions forgotten: {done.decisions_forgotten}")
