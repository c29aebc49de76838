"""Debian's Chromium, headless, driven by Playwright: for tests and screenshots of the admin."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from dev.errors import DevError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without these, a browser on a closed network tries to reach its maker's hosts.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WIDTH, _HEIGHT = 1280, 900


class NoBrowserError(DevError):
    """No Chromium is installed (Debian: apt-get install chromium)."""


def find_browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser until the block ends. Raises `NoBrowserError`."""
    path = find_browser()
    if path is None:
        raise NoBrowserError("No Chromium is installed (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        try:
            yield running
        finally:
            running.close()


@contextmanager
def signed_in(running: Browser, url: str, name: str, password: str) -> Iterator[Page]:
    """Open a page in a session of its own and sign in to the admin; collects no old cookies."""
    context = running.new_context(
        base_url=url, viewport={"width": _WIDTH, "height": _HEIGHT}, timezone_id="UTC"
    )
    try:
        page = context.new_page()
        page.goto("/admin/")
        page.fill("#id_username", name)
        page.fill("#id_password", password)
        page.click("input[type=submit]")
        yield page
    finally:
        context.close()
