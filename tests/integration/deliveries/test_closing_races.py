"""A failure recorded while its endpoint is being disabled or deleted."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from deliveries.models import DeliveryStatus, OpenDelivery, SettledDelivery
from endpoints import lifecycle
from endpoints.audit import Actor
from endpoints.models import Endpoint
from tests import rows
from tests.integration.deliveries.leasing import lease, recorded, retry

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor("test")


def close_slowly(close: Callable[[], object], closed: threading.Event) -> None:
    """Close in a transaction that stays open until the recording waits for it."""
    try:
        with transaction.atomic():
            close()
            closed.set()
            time.sleep(0.3)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("close", "status"),
    [
        pytest.param(lifecycle.disable, DeliveryStatus.PARKED, id="disabled"),
        pytest.param(lifecycle.delete, DeliveryStatus.CANCELLED, id="deleted"),
    ],
)
def test_its_delivery_does_not_stay_open(
    close: Callable[..., Endpoint | None], status: DeliveryStatus
) -> None:
    tenant = rows.tenant()
    endpoint = rows.endpoint(tenant)
    leased = lease(rows.open_delivery(rows.event(tenant), endpoint))
    closed = threading.Event()
    closing = threading.Thread(
        target=close_slowly, args=(lambda: close(endpoint, actor=ACTOR), closed)
    )
    closing.start()
    assert closed.wait(5)

    recorded([retry(leased)])

    closing.join()
    assert OpenDelivery.objects.count() == 0
    assert SettledDelivery.objects.get().status == status
