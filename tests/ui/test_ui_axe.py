"""No state of the page breaks a rule of axe-core, on a phone, on a desk and on a wide screen."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_complaints import Complaints
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def home(page: Page, address: str, _photographs: Path) -> None:
    page.goto(address)
    expect(page.locator(".example-picture img.loaded")).to_have_count(6)


def wall(page: Page, address: str, _photographs: Path) -> None:
    page.goto(f"{address}/?collection=album")
    expect(page.locator("#wall h2").first).to_be_visible()
    expect(page.locator("#wall img.loaded").first).to_be_visible()


def photograph(page: Page, address: str, photographs: Path) -> None:
    wall(page, address, photographs)
    page.locator("#wall button.photo").first.click()
    expect(page.locator("#explain")).to_be_visible()


def results(page: Page, address: str, _photographs: Path) -> None:
    page.goto(f"{address}/?q=red&m=%2Bblue&m=-green")
    expect(page.locator("#list img.loaded").first).to_be_visible()


def captions(page: Page, address: str, photographs: Path) -> None:
    page.goto(f"{address}/?target=text")
    page.set_input_files("#file", photographs / "blue-dark.jpg")
    expect(page.locator("#list .caption").first).to_be_visible()


def explanation(page: Page, address: str, photographs: Path) -> None:
    results(page, address, photographs)
    page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("")
    expect(page.locator("#words-section")).to_be_visible()
    expect(page.locator("#heat-terms")).to_be_visible()


def pair(page: Page, address: str, photographs: Path) -> None:
    page.goto(address)
    page.set_input_files("#file", photographs / "halves.jpg")
    page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("")
    expect(page.locator("#asked-frame")).to_be_visible()


def written(page: Page, address: str, photographs: Path) -> None:
    captions(page, address, photographs)
    page.get_by_role("button", name="Write a caption").click()
    expect(page.locator("#written q")).to_be_visible()


def failure(page: Page, address: str, _photographs: Path) -> None:
    page.route(re.compile("/search/"), lambda route: route.abort())
    page.goto(f"{address}/?q=red")
    expect(page.get_by_role("alert")).to_be_visible()


def lost(page: Page, address: str, _photographs: Path) -> None:
    page.goto(f"{address}/?picture=elsewhere")
    expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1200, 2200])
@pytest.mark.parametrize(
    "state",
    [home, wall, photograph, results, captions, written, explanation, pair, failure, lost],
    ids=lambda state: state.__name__,
)
def test_no_rule_of_axe_is_broken(
    page: Page,
    address: str,
    photographs: Path,
    complaints: Complaints,
    state: Callable[[Page, str, Path], None],
    width: int,
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    state(page, address, photographs)
    page.wait_for_timeout(300)  # colours that fade in have not their contrast yet
    found = Axe().run(page)
    complaints.expect("Failed to load resource")
    assert len(found.response["passes"]) > 15
    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_words_that_show_where_a_model_looked_break_no_rule(
    page: Page, reranked_address: str, photographs: Path
) -> None:
    written(page, reranked_address, photographs)
    page.locator("#written button.word").first.focus()
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()


def test_the_question_for_a_key_breaks_no_rule(page: Page, keyed_address: str, complaints: Complaints) -> None:
    page.goto(f"{keyed_address}/?q=red")
    expect(page.get_by_label("API key")).to_be_visible()
    found = Axe().run(page)
    complaints.expect("Failed to load resource")
    assert not found.response["violations"], found.generate_report()
