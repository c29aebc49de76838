"""The app portal's page: a link opens it once, and it shows the tenant's endpoints."""

from playwright.sync_api import Browser

from tests.browser.conftest import Stage


def test_a_link_shows_the_endpoints_once(stage: Stage, chromium: Browser) -> None:
    app = stage.platform.app
    url = str(stage.api("POST", f"/auth/app-portal-access/{app}", {"readOnly": True})["url"])
    known = stage.api("GET", f"/app/{app}/endpoint")["data"]
    assert isinstance(known, list)
    page = chromium.new_page()
    page.on("console", lambda message: stage.complaints.append(message.text))

    page.goto(url)
    page.locator("#leave").wait_for()

    assert page.url.endswith("/portal")
    shown = page.locator("#endpoints tbody td:first-child").all_text_contents()
    assert shown == [endpoint["url"] for endpoint in known]
    assert f"{len(known)} endpoints" in str(page.locator("#where").text_content())
    assert stage.complaints == []

    page.locator("#leave").click()
    page.locator("#leave").wait_for(state="hidden")
    page.goto("about:blank")
    page.goto(url)
    page.get_by_text("The link was used").wait_for()
    assert page.locator("#endpoints").is_hidden()
    page.close()
    # The browser tells of the answer 401.
    stage.complaints.clear()
