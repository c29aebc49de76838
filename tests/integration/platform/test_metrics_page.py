"""What Prometheus reads."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from deliveries import backlog, retention
from deliveries.models import DeadLetter, DeliveryStatus, Lease, OpenDelivery
from endpoints.models import Endpoint, EndpointHealth, Organization, Tenant
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db


def scrape(client: Client) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def make_open(endpoint_id: UUID, **fields: object) -> OpenDelivery:
    return OpenDelivery.objects.create(
        id=ids.new(),
        event_id=ids.new(),
        endpoint_id=endpoint_id,
        tenant_id=uuid4(),
        status=DeliveryStatus.PENDING,
        **fields,
    )


def make_endpoint() -> Endpoint:
    organization = Organization.objects.create(name="o")
    tenant = Tenant.objects.create(organization=organization, name="t")
    return Endpoint.objects.create(tenant=tenant, url="https://receiver.example/")


def test_an_empty_queue_has_no_backlog(client: Client) -> None:
    # The session may have begun on the day before.
    retention.ensure_partitions()
    found = scrape(client)

    assert found["webhook_backlog_readable"] == 1
    assert found["webhook_due_deliveries"] == 0
    assert found["webhook_outbox_oldest_seconds"] == 0
    assert found["webhook_dlq_size"] == 0
    assert found["webhook_expired_lease_oldest_seconds"] == 0
    assert found["webhook_partition_days_ahead"] == 7
    assert found["webhook_default_partition_used"] == 0


def test_the_backlog_counts_what_could_be_sent_now(client: Client) -> None:
    now = timezone.now()
    one, other = uuid4(), uuid4()
    paused = make_endpoint()
    EndpointHealth.objects.create(endpoint=paused, paused_until=now + timedelta(hours=1))
    make_open(one, next_attempt_at=now - timedelta(seconds=100))
    make_open(one, next_attempt_at=now + timedelta(hours=1))
    make_open(other, next_attempt_at=now - timedelta(seconds=200), lease_id=uuid4())
    make_open(other, next_attempt_at=now - timedelta(seconds=10))
    make_open(other, next_attempt_at=ids.EPOCH)
    make_open(paused.id, next_attempt_at=now - timedelta(days=1))

    found = backlog.read()

    assert found.due == 3
    assert found.oldest_due_seconds == pytest.approx(100, abs=5)


def test_open_dead_letters_and_forgotten_leases_are_seen() -> None:
    for decision in (None, None, "discarded"):
        DeadLetter.objects.create(
            delivery_id=ids.new(),
            event_id=ids.new(),
            endpoint_id=uuid4(),
            tenant_id=uuid4(),
            organization_id=uuid4(),
            event_type="order.paid",
            reason="exhausted",
            attempts=6,
            decision=decision,
        )
    expired = timezone.now() - timedelta(seconds=50)
    Lease.objects.create(id=ids.new(), expires_at=expired, delivery_ids=[])

    found = backlog.read()

    assert found.open_dead_letters == 2
    assert found.oldest_expired_lease_seconds == pytest.approx(50, abs=5)


def test_a_queue_that_cannot_be_read_in_time_is_said_and_nothing_else(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "STATEMENT_TIMEOUT_MS", 1)
    monkeypatch.setattr(backlog, "READ", "SELECT pg_sleep(5), %(most)s, %(at_once)s")

    found = scrape(client)

    assert found["webhook_backlog_readable"] == 0
    assert "webhook_due_deliveries" not in found
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"REMOTE_ADDR": "203.0.113.9"}, id="from elsewhere"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, id="through a proxy"),
        pytest.param({"HTTP_FORWARDED": "for=203.0.113.9"}, id="through a standard proxy"),
        pytest.param({"REMOTE_ADDR": ""}, id="without an address"),
    ],
)
def test_metrics_are_hidden_from_others(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/metrics", **headers).status_code == 404


COUNT = """
import django
django.setup()
from webhooks_platform.lib import metrics
metrics.observe_accepted(5)
metrics.observe_attempts([metrics.AttemptFact("delivered", 200, None, 0.02, 1.0, 1)])
metrics.set_in_flight(7)
"""
READ = """
import os
import django
django.setup()
from django.test import RequestFactory
from webhooks_platform.metrics_page import metrics
print(metrics(RequestFactory().get("/metrics")).content.decode())
"""


def python(code: str, directory: Path) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PROMETHEUS_MULTIPROC_DIR": str(directory),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout


def test_processes_are_added_up_and_the_dead_hold_nothing_in_flight(tmp_path: Path) -> None:
    for _ in range(2):
        python(COUNT, tmp_path)

    page = python(READ, tmp_path)

    assert "webhook_events_accepted_total 10.0" in page
    assert 'webhook_delivery_attempts_total{outcome="delivered",status_class="2xx"} 2.0' in page
    assert "webhook_end_to_end_seconds_count 2.0" in page
    assert "webhook_deliveries_in_flight 7.0" not in page
    assert "webhook_backlog_readable" in page
