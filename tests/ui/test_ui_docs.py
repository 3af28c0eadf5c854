"""The interface's documentation works in a browser, offline and under the page's content security policy."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_documentation_shows_the_interface_and_asks_it(page: Page, address: str) -> None:
    foreign = []
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith((address, "data:")) else None)  # fmt: skip  # noqa: E501
    page.goto(f"{address}/docs")
    route = page.locator(".opblock", has_text="/search/text").first
    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Try it out").click()
    route.get_by_role("button", name="Execute").click()
    expect(route.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert foreign == []
