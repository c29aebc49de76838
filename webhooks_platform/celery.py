"""Celery: hints only. No results, no countdowns; the rows in PostgreSQL are the truth."""

import os

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webhooks_platform.settings")
app = Celery("webhooks_platform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["deliveries"])


@signals.worker_init.connect
@signals.beat_init.connect
def warn(**_: object) -> None:
    """Say once, when a worker or beat starts, what is questionable in the settings."""
    from webhooks_platform.checks import log_warnings  # noqa: PLC0415 - needs the settings.

    log_warnings()
