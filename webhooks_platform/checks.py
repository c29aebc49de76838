"""System checks: settings that work, but that an operator should know about.

`manage.py` prints them at the start of every command, `manage.py serve` included; worker and beat
log them. What production must not do at all is refused by env.py, before anything starts.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import structlog
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register, run_checks

from webhooks_platform import env

#: Longer waits outlive most operators' patience; shorter ones hammer a receiver that is down.
LONGEST_STEP = timedelta(days=2).total_seconds()
SHORTEST_STEP = 1.0


@register("webhooks")
def check_networks(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Name the private networks that tenants' URLs may reach."""
    if not settings.PRODUCTION:
        return []
    return [
        checks.Warning(
            f"WEBHOOKS_ALLOWED_NETWORKS lets every tenant send to {network}.",
            hint="Keep it only if receivers live there; add a port, like 10.1.2.0/24:443.",
            id="webhooks.W001",
        )
        for network in settings.ENVIRONMENT.allowed_networks
        if network.is_private
    ]


@register("webhooks")
def check_schedule(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Warn of schedules that are valid and rarely meant."""
    return [
        checks.Warning(f"WEBHOOKS_RETRY_SCHEDULE {fault}.", hint=hint, id="webhooks.W002")
        for fault, hint in _oddities(settings.ENVIRONMENT.WEBHOOKS_RETRY_SCHEDULE)
    ]


def _oddities(schedule: list[float]) -> list[tuple[str, str]]:
    found = []
    if not schedule:
        found.append(("is empty", "Each delivery is tried once, then it is a dead letter."))
    if any(later < earlier for earlier, later in pairwise(schedule)):
        found.append(("does not rise", "Steps are seconds after the previous attempt's end."))
    if schedule and min(schedule) < SHORTEST_STEP:
        found.append(("has a step below a second", "Receivers need time to recover."))
    if schedule and max(schedule) > LONGEST_STEP:
        found.append(("has a step above two days", "Steps are seconds."))
    return found


@register("webhooks")
def check_names(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Warn of variables that are named like a setting and change nothing."""
    return [
        checks.Warning(text, hint="docs/operations.md lists all settings.", id="webhooks.W005")
        for text in env.unknown_names()
    ]


@register(Tags.security, deploy=True)
def check_https_only(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Warn that payloads may travel unencrypted."""
    if settings.ENVIRONMENT.WEBHOOKS_HTTPS_ONLY:
        return []
    return [
        checks.Warning(
            "WEBHOOKS_HTTPS_ONLY is off: endpoints may have http URLs.",
            hint="Set it, unless receivers without TLS are meant to be served.",
            id="webhooks.W003",
        )
    ]


@register(Tags.security, deploy=True)
def check_public_url(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:
    """Warn that API keys and the admin's passwords may travel unencrypted."""
    if settings.HTTPS:
        return []
    return [
        checks.Warning(
            "WEBHOOKS_PUBLIC_URL is not https.",
            hint="Put a TLS proxy in front that sets X-Forwarded-Proto, and name its URL.",
            id="webhooks.W004",
        )
    ]


def log_warnings() -> None:
    """Log what the checks of this project find; for processes that are no management command."""
    for message in run_checks(tags=["webhooks"]):
        structlog.get_logger().warning("setting_questionable", check=message.id, text=message.msg)
