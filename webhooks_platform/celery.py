"""Celery: hints only. No results, no countdowns; the rows in PostgreSQL are the truth."""

import os

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webhooks_platform.settings")
app = Celery("webhooks_platform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["deliveries"])


@signals.worker_init.connect(weak=False)
@signals.beat_init.connect(weak=False)
def log_warnings(**_: object) -> None:
    """Log what `manage.py` prints; Celery runs the checks as well, but only says what is fatal."""
    from webhooks_platform import checks  # noqa: PLC0415 - needs the settings.

    checks.log_warnings()
