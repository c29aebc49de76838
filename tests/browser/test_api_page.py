"""/docs in a real browser: all operations, nothing from elsewhere, no complaint of the browser."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Stage
from tests.integration.api.operations import operations

pytestmark = pytest.mark.timeout(180)


def test_the_api_page_shows_all_operations_from_this_host_alone(
    stage: Stage, chromium: Browser
) -> None:
    host, asked, complaints = stage.platform.services.url, [], []
    context = chromium.new_context(base_url=host)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto("/docs")
    expect(page.locator(".opblock")).to_have_count(len(operations()))
    page.click("#operations-Message-message_create .opblock-summary-control")
    expect(page.locator("#operations-Message-message_create .opblock-body")).to_contain_text(
        "order.paid"
    )

    assert [url for url in asked if not url.startswith((f"{host}/", "data:"))] == []
    assert complaints == []
    context.close()
