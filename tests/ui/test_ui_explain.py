"""The dialog that shows why a result matched."""

import re

import pytest
from browser_complaints import Complaints
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

HALVES = "<b>red</b> and <img src=x onerror=alert(1)> blue"


def explain(page: Page, title: str) -> None:
    with page.expect_response(re.compile("/explain")) as response:
        page.locator("#list li", has_text=title).locator(".photo").click()
    assert response.value.ok
    expect(page.locator("#explain")).to_be_visible()
    expect(page.locator("#heat-note")).to_have_text("")


def heat(page: Page) -> dict[str, float]:
    """Return the mean opacity of the left and the right half of the heat map, 0..1."""
    return page.evaluate(
        """() => {
            const { width, height } = document.querySelector('#heat');
            const { data } = document.querySelector('#heat').getContext('2d').getImageData(0, 0, width, height);
            const opacity = [...data].filter((_, i) => i % 4 === 3).map((alpha) => alpha / 255);
            const mean = (half) => half.reduce((sum, one) => sum + one, 0) / half.length;
            const isLeft = (_, i) => i % width < width / 2;
            return { left: mean(opacity.filter(isLeft)), right: mean(opacity.filter((...at) => !isLeft(...at))) };
        }"""
    )


def breakdown(page: Page) -> tuple[list[float], float]:
    values = page.locator("#breakdown data").evaluate_all("all => all.map((one) => Number(one.value))")
    return values[:-1], values[-1]


def test_heat_lies_where_the_match_comes_from(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    explain(page, HALVES)
    found = heat(page)
    assert found["left"] > 0.8
    assert found["right"] < 0.1


def test_slider_fades_the_heat_map(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    explain(page, "a bright red picture")
    page.get_by_role("slider", name="Heat map").fill("20")
    expect(page.locator("#heat")).to_have_css("opacity", "0.2")


def test_breakdown_adds_up_to_the_score(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=magenta&m=%2Bblue&m=-green")
    explain(page, "a bright violet picture")
    parts, score = breakdown(page)
    assert page.locator("#breakdown th").all_inner_texts() == ["magenta", "+ blue", "− green", "Score"]
    assert sum(parts) == pytest.approx(score, abs=1e-6)
    written = [float(text.replace("−", "-")) for text in page.locator("#breakdown data").all_inner_texts()]
    assert round(sum(written[:-1]), 4) == written[-1], "what is read adds up too"
    card = page.locator("#list li", has_text="a bright violet picture").locator("data.strength")
    assert float(card.get_attribute("value")) == pytest.approx(score, abs=1e-6)


def test_words_carry_their_signed_numbers(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red+green")
    explain(page, "a bright red picture")
    words = page.locator("#words .word")
    assert words.locator("span").all_inner_texts() == ["red", "green"]
    numbers = [float(text.replace("−", "-")) for text in words.locator("data").all_inner_texts()]
    assert numbers[0] > 0 > numbers[1]


def test_uploaded_picture_is_explained_too(page: Page, address: str, photographs) -> None:
    page.goto(address)
    page.set_input_files("#file", photographs / "blue-bright.jpg")
    explain(page, HALVES)
    found = heat(page)
    assert found["right"] > found["left"]
    assert page.locator("#breakdown th").all_inner_texts() == ["Score"], "one term is the score itself"
    expect(page.locator("#words-section")).to_be_hidden()


def test_an_address_explains_a_result_that_is_on_a_later_page(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&collection=album")
    identity = page.locator("#list button.photo").first.get_attribute("data-id")
    page.goto(f"{address}/?q=-red&collection=album&why={identity}")  # which is its last result now
    expect(page.locator("#explain-title")).to_contain_text("IMG_")
    expect(page.locator("#breakdown-section")).to_be_visible()
    assert breakdown(page)[1] < 0


def test_caption_keeps_its_own_score(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=green&target=text")
    explain(page, "a dark green picture")
    expect(page.locator("#explain-note")).to_contain_text("The score is the caption's.")
    parts, score = breakdown(page)
    card = page.locator("#list li", has_text="a dark green picture").locator("data.strength")
    assert (parts, score) == ([], pytest.approx(float(card.get_attribute("value")), abs=1e-6))


def test_dialog_walks_through_the_results_and_gives_the_focus_back(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=cyan")
    page.locator("#list button.photo").first.click()
    titles = page.locator("#list .caption").all_inner_texts()
    expect(page.locator("#explain-title")).to_have_text(titles[0])
    expect(page.get_by_role("button", name="Previous result")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Next result").click()
    expect(page.locator("#explain-title")).to_have_text(titles[2])
    page.keyboard.press("Escape")
    expect(page.locator("#explain")).to_be_hidden()
    expect(page.locator("#list button.photo").nth(2)).to_be_focused()


def test_more_like_this_from_the_dialog(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=yellow")
    explain(page, "a dim yellow picture")
    page.locator("#explain").get_by_role("button", name="More like this").click()
    expect(page.locator("#explain")).to_be_hidden()
    expect(page.locator("#status")).to_contain_text("for the picture")
    expect(page.locator("#list .caption").first).to_have_text("a bright yellow picture")


def test_refusal_is_told_beside_the_photograph(page: Page, address: str, complaints: Complaints) -> None:
    page.goto(f"{address}/?q=yellow&m=%2Bred")
    busy = '{"title": "Busy", "detail": "4 explanations wait."}'
    page.route(re.compile("/explain"), lambda route: route.fulfill(status=503, body=busy))
    page.locator("#list button.photo").first.click()
    expect(page.locator("#explain-note")).to_have_text("4 explanations wait.")
    expect(page.locator("#stage-photo")).to_be_visible()
    parts, score = breakdown(page)
    assert sum(parts) == pytest.approx(score, abs=1e-6), "the search has told the score's parts already"
    complaints.expect("Failed to load resource")


def test_what_captions_say_is_text_and_never_markup(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    explain(page, HALVES)
    assert page.locator("#explain-title").inner_text() == HALVES
    assert page.locator("#list b, #explain-title *").count() == 0


def test_a_photograph_is_downloaded_under_its_own_name_and_its_link_copied(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/?q=red")
    page.locator("#list button.photo").first.click()
    name = page.locator("#photo-facts dd").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == name
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.get_by_role("button", name="Close").click()
    page.context.clear_permissions()
