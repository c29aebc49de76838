"""`make screenshots`: pictures of the admin for docs/images, from a platform made for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from dev.browser import browser, signed_in
from dev.drills.rig import Platform, rigged
from dev.services import CHECKOUT
from dev.terminal import run, say

IMAGES = CHECKOUT / "docs" / "images"
#: By then a job of some seven deliveries, two a second, is halfway.
_HALFWAY_MS = 2600
#: Paths of the pages that support staff use, by the name of the picture.
_SUPPORT_PAGES = {
    "dead-letters": "/admin/deliveries/deadletter/",
    "summary": "/admin/deliveries/deadletter/summary/",
    "replay-confirm": "/admin/deliveries/deadletter/replay/?reason=exhausted",
    "deliveries": "/admin/deliveries/delivery/",
}


def screenshots() -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    settings = {"WEBHOOKS_RETRY_SCHEDULE": "0.3,0.5"}
    with rigged() as rig, rig.platform(settings, workers=1, beats=0) as platform:
        _make_history(platform)
        manage = platform.services.manage
        support = manage("create_staff_user", "sue", "--support")
        tenant = manage("create_staff_user", "tom", "--tenant-admin", "acme")
        with _page(platform, "sue", support) as page:
            _of_support(page, platform)
        with _page(platform, "tom", tenant) as page:
            _of_tenant_admin(page)
    return 0


@contextmanager
def _page(platform: Platform, name: str, password: str) -> Iterator[Page]:
    with browser() as running, signed_in(running, platform.services.url, name, password) as page:
        yield page


def _make_history(platform: Platform) -> None:
    """Two tenants, delivered and failed events, and dead letters of two kinds."""
    url = platform.receiver.url
    with platform.client() as client:
        for name in ("order.paid", "invoice.due"):
            schemas = {"1": {"type": "object", "examples": [{"order": 1017, "total": "129.00"}]}}
            client.post(
                "/api/v1/event-type",
                json={"name": name, "description": name, "schemas": schemas},
            )
        for uid, name in (("acme", "Acme Shop"), ("globex", "Globex")):
            client.post("/api/v1/app", json={"uid": uid, "name": name})
            endpoint = {"url": url, "uid": f"{uid}-hook", "description": "Production"}
            client.post(f"/api/v1/app/{uid}/endpoint", json=endpoint)
        for round_, failing in enumerate((0, 1, 2)):
            platform.receiver.failing_every = failing
            for number in range(6):
                uid = "globex" if number == 5 else "acme"  # noqa: PLR2004 - one of the six.
                kind = "invoice.due" if number % 2 else "order.paid"
                payload = {"order": 1000 + 10 * round_ + number, "total": "129.00"}
                message = {"eventType": kind, "payload": payload}
                client.post(f"/api/v1/app/{uid}/msg", json=message)
            platform.wait_settled(within=60)
    platform.receiver.failing_every = 0


def _of_support(page: Page, platform: Platform) -> None:
    for name, path in _SUPPORT_PAGES.items():
        page.goto(path)
        _take(page, name)
    page.goto("/admin/deliveries/delivery/?status=dead")
    page.click("#result_list tbody th a")
    _take(page, "timeline")
    with platform.client() as client:
        acme = client.get("/api/v1/app/acme").json()["id"]
    page.goto(f"/admin/deliveries/deadletter/replay/?q={acme}")
    page.fill("#id_note", "The receiver has been mended, ticket 4711")
    page.fill("#id_rate_per_second", "2")
    page.click("input[value='Replay dead letters']")
    page.wait_for_timeout(_HALFWAY_MS)
    _take(page, "replay-progress")


def _of_tenant_admin(page: Page) -> None:
    page.goto("/admin/endpoints/endpoint/")
    _take(page, "endpoints")
    page.click("#result_list tbody th a")
    _take(page, "endpoint")
    page.click("text=Rotate secret")
    _take(page, "rotate")
    page.go_back()
    page.click("text=Send test event")
    page.click("input[value='Send a test event']")
    page.wait_for_selector("ul.timeline li.good, ul.timeline li.bad")
    _take(page, "test-event")


def _take(page: Page, name: str) -> None:
    path: Path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    say(f"{path.relative_to(CHECKOUT)}  {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    run(screenshots)
