"""A running platform with something to see, and a real browser for each role.

Skipped only where no Chromium can be had, and never in CI, which installs one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from dev.browser import browser, find_browser, signed_in
from dev.drills.rig import Platform, rigged, wait_for

DEAD_LETTERS = 25


@dataclass
class Stage:
    """The platform, its users' passwords by name, and the complaints of all pages."""

    platform: Platform
    passwords: dict[str, str]
    complaints: list[str] = field(default_factory=list)

    def api(self, method: str, path: str, body: object = None) -> dict[str, object]:
        with self.platform.client() as client:
            answer = client.request(method, f"/api/v1{path}", json=body)
            answer.raise_for_status()
            found: dict[str, object] = answer.json() if answer.content else {}
        return found


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """One platform for all browser tests: dead letters of `order.paid`, none of other types."""
    if find_browser() is None:
        if os.environ.get("CI"):
            pytest.fail("No Chromium in CI; .ci/run installs it.")
        pytest.skip("no Chromium (Debian: apt-get install chromium)")
    settings = {"WEBHOOKS_RETRY_SCHEDULE": ""}
    with rigged() as rig, rig.platform(settings, workers=1, beats=0) as platform:
        platform.receiver.failing_every = 1
        platform.publish(DEAD_LETTERS)
        platform.wait_settled(within=60)
        platform.receiver.failing_every = 0
        manage = platform.services.manage
        yield Stage(
            platform,
            {
                "olga": manage("create_staff_user", "olga", "--operator"),
                "sue": manage("create_staff_user", "sue", "--support"),
                "tom": manage("create_staff_user", "tom", "--tenant-admin", platform.app),
            },
        )


@pytest.fixture(scope="module")
def chromium(stage: Stage) -> Iterator[Browser]:
    """A browser for these tests only: while it runs, this thread can run no other event loop."""
    with browser() as running:
        yield running


@pytest.fixture
def as_user(
    stage: Stage, chromium: Browser
) -> Iterator[Callable[[str], AbstractContextManager[Page]]]:
    """Sign in as somebody; a page that complains in the console fails the test."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    @contextmanager
    def sign_in(name: str) -> Iterator[Page]:
        url, password = stage.platform.services.url, stage.passwords[name]
        with signed_in(chromium, url, name, password) as page:
            page.on("console", hear)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page

    yield sign_in
    assert complaints == []


def until(what: str, ready: Callable[[], bool]) -> None:
    """Wait for something that a worker does."""
    wait_for(what, ready, within=30)
