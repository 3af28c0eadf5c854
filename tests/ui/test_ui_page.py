"""The page itself: keys, names for screen readers, colours, small screens, and what it says when things fail."""

import re

import pytest
from browser_complaints import Complaints
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

UNNAMED = """() => {
    const name = (node) => node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent;
    return [...document.querySelectorAll('button, input, select, a')]
        .filter((node) => !name(node).trim()).map((node) => node.outerHTML);
}"""
OUTLINED = """() => {
    const { activeElement: it } = document;
    return [it, it.nextElementSibling].some((node) => node && getComputedStyle(node).outlineStyle !== 'none')
        || it.matches('.field input');  // its whole field is outlined
}"""
CONTRAST = """(pairs) => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const luminance = (name) => {
        canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
        canvas.fillRect(0, 0, 1, 1);
        const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((byte) => byte / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    return pairs.map(([a, b]) => [luminance(a), luminance(b)].sort((x, y) => y - x))
        .map(([light, dark]) => (light + 0.05) / (dark + 0.05));
}"""


def test_all_of_it_goes_by_keyboard(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#home")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("“red”")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("-blue")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("“red” − blue")
    page.keyboard.press("Shift+Tab")  # the chip's ways out
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("“red” + blue")

    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#list button.photo").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#list button.photo").nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("[...document.querySelectorAll('#list button.photo')].indexOf(document.activeElement)")
    assert below > 2
    page.keyboard.press("Enter")
    expect(page.locator("#explain")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#list button.photo").nth(below)).to_be_focused()


def test_focus_is_always_to_be_seen(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&m=-blue")
    expect(page.locator("#list button.photo").first).to_be_visible()
    for _ in range(14):
        page.keyboard.press("Tab")
        assert page.evaluate(OUTLINED), page.evaluate("document.activeElement.outerHTML")


def test_every_control_has_a_name_and_every_picture_a_text(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&m=-blue")
    page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("")
    assert page.evaluate(UNNAMED) == []
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("#list img[alt='']").count() == 0
    assert page.locator("h1").count() == 1
    assert page.locator("html[lang]").count() == 1
    identifiers = page.locator("[id]").evaluate_all("all => all.map((one) => one.id)")
    assert len(set(identifiers)) == len(identifiers)
    named = page.locator("[aria-labelledby]").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-labelledby'))"
    )
    assert set(named) <= set(identifiers)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(open_page, address: str, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(address)
    pairs = [
        ("--ink", "--paper"), ("--muted", "--paper"), ("--muted", "--raised"), ("--muted", "--sunk"),
        ("--accent", "--paper"), ("--accent", "--accent-soft"), ("--on-accent", "--accent"), ("--ink", "--raised"),
    ]  # fmt: skip
    ratios = page.evaluate(CONTRAST, pairs)
    assert {pair: ratio for pair, ratio in zip(pairs, ratios, strict=True) if ratio < 4.5} == {}
    dark_paper = page.evaluate(CONTRAST, [("--paper", "--ink")])
    assert dark_paper[0] > 12
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(channel) for channel in re.findall(r"\d+", background)[:3]) / 3
    assert (brightness < 64) == (scheme == "dark")


def test_forced_colours_keep_what_is_chosen_and_how_much_a_term_gives(open_page, address: str) -> None:
    page = open_page(forced_colors="active")
    page.goto(f"{address}/?q=red&m=-blue")
    page.locator("#list button.photo").first.click()
    expect(page.locator("#breakdown i.plus").first).to_be_visible()
    style = "(node, name) => getComputedStyle(node)[name]"
    assert page.locator("#target input:checked + span").evaluate(style, "outlineStyle") == "solid"
    paper, bar = (page.locator(one).first.evaluate(style, "backgroundColor") for one in ("body", "#breakdown i.plus"))
    assert bar not in (paper, "rgba(0, 0, 0, 0)")
    assert page.locator("#list .photo").first.evaluate(style, "borderTopStyle") == "solid"


def test_whoever_wants_no_motion_gets_none(open_page, address: str) -> None:
    page = open_page(reduced_motion="reduce")
    page.goto(f"{address}/?q=red")
    photo = page.locator("#list .photo img").first
    expect(photo).to_be_visible()
    assert photo.evaluate("node => getComputedStyle(node).transitionDuration") == "0s"


def test_nothing_scrolls_sideways_on_a_small_screen(open_page, address: str) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    long = "a-very-long-word-without-any-place-to-break-it-that-is-wider-than-a-telephone"
    for path in ("/", "/?q=red", f"/?q={long}&m=%2B{long}&m=-blue", "/?q=red&target=text"):
        page.goto(address + path)
        expect(page.locator("#list button.photo, #home .example-picture").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("")
    assert page.locator("#explain").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pictures_have_their_place_before_they_come(page: Page, address: str) -> None:
    held = []
    page.route(re.compile("/thumbnail"), lambda route: held.append(route))
    page.goto(f"{address}/?q=red")
    photo = page.locator("#list .card:not(.placeholder) .photo").first
    before = photo.bounding_box()
    width, height = photo.locator("img").evaluate("image => [image.width, image.height].map(Number)")
    assert before["width"] / before["height"] == pytest.approx(width / height, rel=0.03)
    for route in held:
        route.continue_()
    expect(photo.locator("img.loaded")).to_be_visible()
    assert photo.bounding_box() == before


def test_collection_without_captions_says_so(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&collection=plain&target=text")
    expect(page.locator("#warnings li")).to_contain_text("caption")
    expect(page.locator("#list li")).to_have_count(0)


def test_refusal_is_shown_in_the_words_of_the_service(page: Page, address: str, complaints: Complaints) -> None:
    page.goto(address)
    page.fill("#query", "long " * 300)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("the limit is 1000")
    expect(page.locator("#list li")).to_have_count(0)
    complaints.expect("Failed to load resource")


def test_file_that_does_not_decode_is_refused(page: Page, address: str, complaints: Complaints) -> None:
    page.goto(address)
    page.set_input_files("#file", {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8 not an image"})
    expect(page.get_by_role("alert")).to_have_text(
        re.compile(r"^\s*This picture cannot be read\s*Not an image in [^.]+\.\s*$")  # nothing can be tried again
    )
    complaints.expect("Failed to load resource")


def test_service_out_of_reach_can_be_tried_again(page: Page, address: str, complaints: Complaints) -> None:
    page.route(re.compile("/collections"), lambda route: route.abort())
    page.goto(f"{address}/?q=red")
    expect(page.get_by_role("alert")).to_contain_text("No answer from the service")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#list button.photo").first).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    complaints.expect("Failed to load resource")


def test_key_is_asked_for_once_and_sent_with_everything(
    page: Page, keyed_address: str, key: str, complaints: Complaints
) -> None:
    page.goto(f"{keyed_address}/?q=red")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#key-detail")).to_have_text("The key was not accepted.")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("#list button.photo img.loaded").first).to_be_visible()
    complaints.expect("Failed to load resource")
    assert page.locator("#list img.loaded").first.get_attribute("src").startswith("blob:")
    expect(page.locator("#collection-label")).to_be_hidden()  # there is only one

    page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("")
    page.wait_for_function("document.querySelector('#stage-photo').naturalWidth > 0")
    page.reload()
    expect(page.locator("#list button.photo").first).to_be_visible()
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [1, 0]


def test_a_key_may_be_remembered_on_the_device(
    page: Page, keyed_address: str, key: str, complaints: Complaints
) -> None:
    page.goto(f"{keyed_address}/?q=red")
    page.get_by_label("API key").fill(key)
    page.get_by_label("Remember on this device").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#list button.photo").first).to_be_visible()
    complaints.expect("Failed to load resource")
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(page.locator("#list button.photo").first).to_be_visible()
    page.evaluate("localStorage.clear()")


def test_key_refused_by_the_visitor_leaves_a_way_back(page: Page, keyed_address: str, complaints: Complaints) -> None:
    page.goto(keyed_address)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("key")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("API key")).to_be_visible()
    complaints.expect("Failed to load resource")


def test_page_is_served_under_a_strict_policy(page: Page, address: str) -> None:
    answer = page.goto(address)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|https?://", answer.text())
