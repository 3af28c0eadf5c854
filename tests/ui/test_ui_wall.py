"""The wall: a collection's photographs by time, without an end, and one of them looked at."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_complaints import Complaints
from playwright.sync_api import Page, Route, expect
from toy_pages import ALBUM, NO_OBSERVER, serving

pytestmark = pytest.mark.browser

PHOTOS = "#wall button.photo"
PAGE = 60


def open_album(page: Page, address: str, rest: str = "") -> None:
    page.goto(f"{address}/?collection=album{rest}")
    expect(page.locator(PHOTOS).first).to_be_visible()


def scroll_to_the_end(page: Page) -> None:
    expect(page.locator(PHOTOS)).to_have_count(PAGE)
    for count in (2 * PAGE, ALBUM):
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(page.locator(PHOTOS)).to_have_count(count)


def test_a_collection_without_a_query_is_a_wall_by_month_that_goes_on_to_the_last(page: Page, address: str) -> None:
    open_album(page, address)
    expect(page.locator("#status")).to_have_text(f"{ALBUM} images")
    scroll_to_the_end(page)
    months = ["May 2024", "April 2024", "March 2024", "February 2024", "January 2024", "Without a date"]
    assert page.locator("#wall h2").all_inner_texts() == months
    sizes = page.locator("#wall section").evaluate_all("all => all.map((one) => one.querySelectorAll('li').length)")
    assert sizes == [31, 30, 31, 29, 2, 7]
    ids = page.locator(PHOTOS).evaluate_all("all => all.map((one) => one.dataset.id)")
    assert len(set(ids)) == ALBUM
    expect(page.locator("#more")).to_be_hidden()


def test_a_wall_without_dates_has_no_headings(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator(PHOTOS)).to_have_count(28)
    assert page.locator("#wall h2").count() == 0
    expect(page.locator("#status")).to_have_text("28 images, none with a date: by name")


def test_the_button_goes_on_where_nothing_observes_and_the_focus_follows(page: Page, address: str) -> None:
    page.add_init_script(NO_OBSERVER)
    open_album(page, address)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.get_by_role("button", name="Show more").press("Enter")
    expect(page.locator(PHOTOS)).to_have_count(2 * PAGE)
    expect(page.locator(PHOTOS).nth(PAGE)).to_be_focused()


def test_results_go_on_when_scrolled_to_their_end(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&collection=album")
    for page_end in range(23, ALBUM, 24):
        expect(page.locator("#list button.photo").nth(page_end)).to_be_attached()
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#list button.photo")).to_have_count(ALBUM)
    expect(page.locator("#list button.photo").first).not_to_be_in_viewport()


def test_back_returns_to_the_same_place_of_the_wall(page: Page, address: str) -> None:
    open_album(page, address)
    scroll_to_the_end(page)
    page.evaluate("window.scrollTo(0, 900)")
    page.fill("#query", "red")
    page.keyboard.press("Enter")
    expect(page.locator("#list button.photo").first).to_be_visible()
    expect(page.locator(PHOTOS)).to_have_count(0)
    page.go_back()
    expect(page.locator(PHOTOS)).to_have_count(ALBUM)
    assert page.evaluate("scrollY") > 0
    expect(page.locator("#list button.photo")).to_have_count(0)


def test_the_order_is_chosen_and_stands_in_the_address(page: Page, address: str) -> None:
    open_album(page, address)
    page.get_by_label("Order").select_option("By name")
    expect(page.locator("#wall h2")).to_have_count(0)
    expect(page.locator(PHOTOS)).to_have_count(PAGE)
    alts = page.locator(f"{PHOTOS} img").evaluate_all("all => all.map((one) => one.alt)")
    assert alts[:4] == ["2020/IMG_0000.jpg", "2021/IMG_0000.jpg", "2022/IMG_0000.jpg", "2020/IMG_0001.jpg"]
    assert parse_qs(urlsplit(page.url).query) == {"collection": ["album"], "sort": ["name"]}
    page.reload()
    expect(page.locator("#sort")).to_have_value("name")
    page.go_back()
    expect(page.locator("#wall h2").first).to_have_text("May 2024")


def test_a_photograph_of_the_wall_is_shown_with_its_facts_and_nothing_to_explain(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_album(page, address)
    page.locator(PHOTOS).nth(1).click()
    expect(page.locator("#explain-title")).to_have_text("2020/IMG_0001.jpg")
    expect(page.locator("#photo-facts dd").nth(2)).to_have_text("May 30, 2024")
    for part in ("#stage-controls", "#breakdown-section", "#words-section"):
        expect(page.locator(part)).to_be_hidden()
    page.get_by_role("button", name="Copy path").click()
    expect(page.get_by_role("button", name="Path copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "2020/IMG_0001.jpg"
    assert not any("/explain?" in url for url in asked)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#explain-title")).to_have_text("2020/IMG_0002.jpg")
    page.go_back()
    expect(page.locator("#explain")).to_be_hidden()
    page.context.clear_permissions()


def test_a_path_that_cannot_be_copied_is_selected(page: Page, address: str) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    open_album(page, address)
    page.locator(PHOTOS).first.click()
    page.get_by_role("button", name="Copy path").click()
    assert page.evaluate("`${getSelection()}`") == "2020/IMG_0000.jpg"


def test_whoever_walks_through_the_photographs_reaches_the_next_page(page: Page, address: str) -> None:
    page.add_init_script(NO_OBSERVER)
    open_album(page, address)
    page.locator(PHOTOS).nth(PAGE - 1).click()
    expect(page.get_by_role("button", name="Next result")).to_be_enabled()
    page.get_by_role("button", name="Next result").click()
    expect(page.locator("#explain-title")).to_have_text("2021/IMG_0010.jpg")
    page.keyboard.press("Escape")
    expect(page.locator(PHOTOS).nth(PAGE)).to_be_focused()


def test_an_address_opens_a_photograph_that_is_on_a_later_page(page: Page, address: str) -> None:
    open_album(page, address, "&sort=name")
    scroll_to_the_end(page)
    last = page.locator(PHOTOS).last.get_attribute("data-id")
    page.goto(f"{address}/?collection=album&why={last}")
    expect(page.locator("#explain-title")).to_have_text(re.compile("IMG_0049"))
    page.get_by_role("button", name="Close").click()
    expect(page).not_to_have_url(re.compile("why="))


def test_files_of_the_same_name_are_told_apart_in_the_results(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&collection=album")
    expect(page.locator("#list .caption.name").nth(23)).to_be_attached()
    names = page.locator("#list .caption.name").all_inner_texts()
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"202[012]/IMG_00\d\d\.jpg", name) for name in names)


def test_an_index_that_is_newer_than_the_wall_is_shown_when_asked(
    page: Page, address: str, complaints: Complaints
) -> None:
    page.add_init_script(NO_OBSERVER)
    stale = {"type": "urn:semblance:problem:stale-cursor", "title": "Conflict", "status": 409, "detail": "again"}
    page.route(re.compile("cursor="), lambda route: _refuse(route, stale))
    open_album(page, address)
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("alert")).to_contain_text("This collection has been indexed again")
    expect(page.locator(PHOTOS)).to_have_count(PAGE)
    page.get_by_role("button", name="Show the new one").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator(PHOTOS)).to_have_count(PAGE)
    complaints.expect("Failed to load resource")


def test_a_page_that_does_not_come_is_told_at_the_end_and_asked_for_again(
    page: Page, address: str, complaints: Complaints
) -> None:
    page.route(re.compile("cursor="), lambda route: route.abort())
    open_album(page, address)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.get_by_role("alert")).to_contain_text("No answer from the service")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(page.locator(PHOTOS)).to_have_count(PAGE)
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(PHOTOS).nth(2 * PAGE - 1)).to_be_attached()
    expect(page.get_by_role("alert")).to_be_hidden()
    complaints.expect("Failed to load resource")


def test_a_service_without_collections_has_no_order_to_choose(open_page, tmp_path: Path) -> None:
    page = open_page()
    with serving(data_dir=tmp_path) as address:
        page.goto(address)
        expect(page.get_by_role("alert")).to_contain_text("Nothing is indexed yet")
        expect(page.get_by_role("alert")).not_to_contain_text("null")
        expect(page.locator("#sort-label")).to_be_hidden()
        page.goto("about:blank")


def _refuse(route: Route, problem: dict[str, object]) -> None:
    route.fulfill(status=409, json=problem)


def index_again(route: Route) -> None:
    """Say of every collection that its index is the next one."""
    offer = route.fetch().json()
    for collection in offer["collections"]:
        collection["generation"] += 1
    route.fulfill(json=offer)


def test_a_wall_that_nobody_has_scrolled_is_renewed_with_its_index(page: Page, address: str) -> None:
    page.clock.install()
    open_album(page, address)
    page.route(re.compile("/collections$"), index_again)
    with page.expect_request(re.compile("/images\\?")):
        page.clock.fast_forward(11_000)
    expect(page.locator(PHOTOS)).to_have_count(PAGE)
    expect(page.locator("#warnings li")).to_have_count(0)
    expect(page.locator("#facts")).to_contain_text("generation 2")


@pytest.mark.parametrize("rest", ["", "&q=red"])
def test_what_somebody_looks_at_stays_and_the_newer_index_is_told(page: Page, address: str, rest: str) -> None:
    page.clock.install()
    page.goto(f"{address}/?collection=album{rest}")
    expect(page.locator("#results button.photo").nth(23)).to_be_attached()
    page.evaluate("window.scrollTo(0, 300)")
    page.route(re.compile("/collections$"), index_again)
    page.clock.fast_forward(11_000)
    expect(page.locator("#warnings li")).to_contain_text("This collection has been indexed again since")
    assert page.evaluate("scrollY") > 0


def test_arrows_walk_over_the_wall(page: Page, address: str) -> None:
    open_album(page, address)
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(page.locator(PHOTOS).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    below = page.evaluate("[...document.querySelectorAll('#wall button.photo')].indexOf(document.activeElement)")
    assert below > 2
    page.keyboard.press("Enter")
    expect(page.locator("#explain")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(PHOTOS).nth(below)).to_be_focused()
