"""What a delivery loop gives to whom, while others do not answer."""

import pytest
from django.forms import model_to_dict

from deliveries.models import OpenDelivery
from tests import rows
from tests.integration.deliveries.looping import run_loop
from tests.receiver import answer, running
from webhooks_platform.lib import ids

pytestmark = pytest.mark.django_db(transaction=True)


def test_hanging_endpoints_are_not_in_the_way_of_a_healthy_one() -> None:
    hang = lambda n, _: (30.0, answer(200))  # noqa: E731
    with running(hang) as hanging, running() as healthy:
        tenant, other = rows.tenant(), rows.tenant(name="Charlie")
        policy = {"sendTimeout": 4, "retrySchedule": []}
        for _ in range(200):
            stuck = rows.endpoint(tenant, url=hanging.url, policy=policy)
            rows.open_delivery(rows.event(tenant), stuck, due_in=-60)
        event, endpoint = rows.event(other), rows.endpoint(other, url=healthy.url)
        one = rows.open_delivery(event, endpoint)
        OpenDelivery.objects.bulk_create(
            OpenDelivery(**{**model_to_dict(one), "id": ids.new()}) for _ in range(999)
        )

        run_loop(lambda: len(healthy.requests) == 1000, seconds=4)
        found = (len(healthy.requests), hanging.open)

    assert found == (1000, 200)
