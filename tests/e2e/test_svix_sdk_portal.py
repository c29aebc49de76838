"""The official svix SDK gives access to the app portal and asks for statistics, unmodified."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationTokenExpireIn,
    AppPortalAccessIn,
    AppUsageStatsIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError
from svix.models import AppPortalCapability

from deliveries import usage
from webhooks_platform.lib.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


def refused(svix: Svix) -> tuple[int, str]:
    with pytest.raises(HttpError) as error:
        svix.application.get("a")
    return error.value.status_code, error.value.code


def test_portal_access_ends_by_logout_and_for_all(svix: Svix, live_server: Any) -> None:
    wanted = AppPortalAccessIn(
        application=ApplicationIn(name="A", uid="a"),
        capabilities=[AppPortalCapability.VIEW_BASE],
        feature_flags=["beta"],
        expiry=3600,
        session_id="s",
    )
    options = SvixOptions(server_url=live_server.url)
    first, second = (
        Svix(svix.authentication.app_portal_access("a", wanted).token, options) for _ in range(2)
    )

    assert first.application.get("a").uid == "a"
    first.authentication.logout()
    assert refused(first) == (401, "authentication_failed")
    assert second.endpoint.list("a").data == []
    svix.authentication.expire_all("a", ApplicationTokenExpireIn(session_ids=["s"]))
    assert refused(second) == (401, "authentication_failed")
    for used in (first, second):
        used._httpx_client.close()


def test_statistics_are_worked_out(svix: Svix) -> None:
    app = svix.application.create(ApplicationIn(name="A", uid="a"))
    now = datetime.now(UTC)
    window = AppUsageStatsIn(since=now - timedelta(days=1), until=now, app_ids=["a", "b"])

    task = svix.statistics.aggregate_app_stats(window)
    types = svix.statistics.aggregate_event_types()
    asyncio.run(worked())

    assert task.unresolved_app_ids == ["b"]
    found = svix.background_task.get(task.id)
    assert (found.status, found.task) == ("finished", "application.stats")
    assert found.data["appStats"][0]["appId"] == app.id
    assert svix.background_task.get(types.id).data["event_types"] == [
        {
            "appId": app.id,
            "appUid": "a",
            "explicitlySubscribedEventTypes": [],
            "hasCatchAllEndpoint": False,
        }
    ]


async def worked() -> None:
    async with await connect("test") as connection:
        while await usage.work(connection):
            pass
