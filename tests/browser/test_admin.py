"""What people do in the admin, with a real browser."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DEAD_LETTERS, Stage, until

pytestmark = pytest.mark.timeout(180)

SignIn = Callable[[str], AbstractContextManager[Page]]

EVERYBODYS = {"Attempts", "Dead letters", "Deliveries", "Events", "Replays", "Audit log"}
CONFIGURATION = {"Endpoints", "Event types", "Tenants"}
OPERATORS = {"API keys", "Memberships", "Organizations", "Users"}


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("tom", EVERYBODYS | CONFIGURATION),
        ("sue", EVERYBODYS | CONFIGURATION),
        ("olga", EVERYBODYS | CONFIGURATION | OPERATORS),
    ],
)
def test_each_role_signs_in_and_sees_its_pages(
    as_user: SignIn, name: str, places: set[str]
) -> None:
    with as_user(name) as page:
        shown = page.locator("#places a").all_inner_texts()
        assert set(shown) == places
        for path in page.locator("#places a").evaluate_all("links => links.map(a => a.href)"):
            page.goto(path)
            expect(page.locator("#content h1")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_wrong_password_lets_nobody_in(as_user: SignIn, stage: Stage) -> None:
    right, stage.passwords["tom"] = stage.passwords["tom"], "wrong"
    try:
        with as_user("tom") as page:
            expect(page.locator(".errornote")).to_contain_text("correct username and password")
    finally:
        stage.passwords["tom"] = right


def test_support_replays_what_a_filter_finds_and_watches_it(as_user: SignIn, stage: Stage) -> None:
    before = stage.platform.receiver.requests
    with as_user("sue") as page:
        page.click("#places >> text=Dead letters")
        page.click("#changelist-filter >> text=Exhausted")
        page.click("text=Replay all matching…")
        expect(page.locator("#total")).to_have_text(str(DEAD_LETTERS))
        page.click("input[value='Replay dead letters']")
        expect(page.locator("#id_note")).to_be_focused()  # The browser asks for the reason.
        page.fill("#id_note", "receiver mended")
        page.fill("#id_rate_per_second", "20")
        page.click("input[value='Replay dead letters']")

        expect(page.locator(".messagelist")).to_contain_text(f"{DEAD_LETTERS} deliveries")
        expect(page.locator(".badge").first).to_have_text("Running")
        # The page reloads itself until the job is over.
        expect(page.locator(".badge").first).to_have_text("Finished", timeout=30_000)
        expect(page.locator("progress").first).to_have_attribute("value", "100")

        page.click("text=dead letters it decided")
        expect(page.locator(".paginator")).to_contain_text(f"{DEAD_LETTERS} dead letters")
    assert stage.platform.receiver.requests - before == DEAD_LETTERS


def test_a_tenant_admin_rotates_a_secret(as_user: SignIn, stage: Stage) -> None:
    [endpoint] = stage.api("GET", f"/app/{stage.platform.app}/endpoint")["data"]  # type: ignore[misc]
    path = f"/app/{stage.platform.app}/endpoint/{endpoint['id']}/secret"  # type: ignore[call-overload]
    old = stage.api("GET", path)["key"]
    with as_user("tom") as page:
        page.click("#places >> text=Endpoints")
        page.click("#result_list tbody th a")
        expect(page.locator("#content")).to_contain_text("whsec_••••••••")
        page.click("text=Rotate secret")
        page.fill("#id_overlap_hours", "2")
        page.click("input[value='Rotate the signing secret']")
        shown = page.locator("#secret").inner_text()
        page.click("text=Back")
        expect(page.locator("#content")).to_contain_text("previous, signs until")

    assert re.fullmatch(r"whsec_[\w+/=]{32}", shown)
    assert old != shown == stage.api("GET", path)["key"]


def test_a_tenant_admin_sends_a_test_event_and_sees_the_answer(
    as_user: SignIn, stage: Stage
) -> None:
    before = stage.platform.receiver.requests
    with as_user("tom") as page:
        page.click("#places >> text=Endpoints")
        page.click("#result_list tbody th a")
        page.click("text=Send test event")
        page.click("input[value='Send a test event']")

        expect(page.locator(".messagelist")).to_contain_text("Test event delivered: 200 in")
        expect(page.locator("ul.timeline")).to_contain_text("sent as a test by tom")
        expect(page.locator("ul.timeline li.good").first).to_contain_text("(manual): 200 delivered")
    until("the test event", lambda: stage.platform.receiver.requests == before + 1)


def test_hostile_text_stays_text(as_user: SignIn, stage: Stage) -> None:
    script = '"><img src=x onerror=alert(1)></script><script>alert(1)</script>{{7*7}}'
    app = stage.api("POST", "/app", {"name": script, "uid": "hostile"})["id"]
    stage.api(
        "POST", f"/app/{app}/endpoint",
        {"url": stage.platform.receiver.url, "description": script, "metadata": {"a": script}},
    )  # fmt: skip
    sent = stage.api("POST", f"/app/{app}/msg", {"eventType": "a", "payload": {"x": script}})
    dialogs: list[str] = []
    with as_user("olga") as page:
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        for place in ("Tenants", "Endpoints", "Events", "Deliveries"):
            page.click(f"#places >> text={place}")
            page.click("#result_list tbody th a")
        page.goto("/admin/deliveries/event/?q=" + str(sent["id"]))
        page.click("#result_list tbody th a")
        page.click("input[value='Show payload']")
        expect(page.locator("pre").first).to_contain_text("<img src=x onerror=alert(1)>")
    assert dialogs == []
