"""`/metrics` for Prometheus: what all processes have counted, and the state of the queue.

Answers only to the addresses of WEBHOOKS_METRICS_NETWORKS, and never to what a proxy passes on.
"""

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import structlog
from django.conf import settings
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from deliveries import backlog
from webhooks_platform.lib import metrics_directory

logger = structlog.get_logger()

FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA")
#: Field of Backlog -> metric and its help.
GAUGES = {
    "due": (
        "webhook_due_deliveries",
        "Deliveries that could be sent now, counted up to a million.",
    ),
    "oldest_due_seconds": (
        "webhook_outbox_oldest_seconds",
        "How long the delivery that has waited longest has been due.",
    ),
    "open_dead_letters": (
        "webhook_dlq_size",
        "Dead letters that nobody has decided on, counted up to a million.",
    ),
    "running_replays": (
        "webhook_replays_running",
        "Replay jobs that have deliveries left to take up or to wait for; single resends aside.",
    ),
    "oldest_expired_lease_seconds": (
        "webhook_expired_lease_oldest_seconds",
        "How long the oldest expired lease has been waiting for a sweep.",
    ),
    "partition_days_ahead": (
        "webhook_partition_days_ahead",
        "Days after today whose partitions exist.",
    ),
    "default_partition_used": (
        "webhook_default_partition_used",
        "1 while rows lie in a DEFAULT partition, because their day's was missing.",
    ),
}


class BacklogCollector(Collector):
    """Reads the queue's state once a scrape; `webhook_backlog_readable` is 0 when it cannot."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = backlog.read()
        except Error as error:
            logger.warning("backlog_unreadable", exception_type=type(error).__name__)
            found = None
        yield GaugeMetricFamily(
            "webhook_backlog_readable",
            "1 when the gauges read from the database could be had within a second.",
            value=float(found is not None),
        )
        if found is not None:
            for field, (name, text) in GAUGES.items():
                yield GaugeMetricFamily(name, text, value=float(getattr(found, field)))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format; 404 to whoever may not read it."""
    if not _may_read(request):
        raise Http404
    state = CollectorRegistry()
    state.register(BacklogCollector())
    body = generate_latest(_counted()) + generate_latest(state)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    """A proxy on this machine has its address too, but names the client it asks for."""
    if any(name in request.META for name in FORWARDED):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    networks = settings.ENVIRONMENT.WEBHOOKS_METRICS_NETWORKS
    return any(address in ip_network(network) for network in networks)


def _counted() -> CollectorRegistry:
    """Return what the processes that share a directory have counted, or this one alone."""
    if not os.environ.get(metrics_directory.VARIABLE):
        return REGISTRY
    metrics_directory.forget_dead()
    merged = CollectorRegistry()
    MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    return merged
