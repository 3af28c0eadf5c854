"""Searching in the page: by words, by a picture, by signed words, and finding the way back."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_complaints import Complaints
from playwright.sync_api import Page, Route, expect
from toy_pages import NO_OBSERVER

pytestmark = pytest.mark.browser


def captions(page: Page) -> list[str]:
    return page.locator("#list .caption").all_inner_texts()


def search(page: Page, words: str) -> None:
    page.fill("#query", words)
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text(f"“{words}”")


def test_words_find_pictures_and_their_number_is_announced(page: Page, address: str) -> None:
    page.goto(address)
    search(page, "red")
    assert sorted(captions(page)[:3]) == ["a bright red picture", "a dark red picture", "a dim red picture"]
    expect(page.locator("[role=status]#status")).to_have_text("The best 24 images for “red”")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["red"], "collection": ["colours"]}
    expect(page).to_have_title("“red” · Semblance")


def test_first_visit_offers_questions_that_can_be_pressed(page: Page, address: str) -> None:
    page.goto(address)
    examples = page.get_by_role("button").filter(has=page.locator(".example-picture"))
    expect(examples).to_have_count(6)
    expect(page.locator(".example-picture img.loaded")).to_have_count(6)
    words = examples.first.inner_text().strip()
    examples.first.click()
    expect(page.locator("#query")).to_have_value(words)
    expect(page.locator("#list button.photo").first).to_be_visible()


def _drop(page: Page, picture: Path) -> None:
    page.locator("body").dispatch_event("drop", {"dataTransfer": _transfer(page, picture)})


def _paste(page: Page, picture: Path) -> None:
    page.evaluate(
        "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", _transfer(page, picture)
    )


def _choose(page: Page, picture: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Search by a picture").click()
    chooser.value.set_files(picture)


def _transfer(page: Page, picture: Path):
    return page.evaluate_handle(
        """async ([name, content]) => {
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            data.items.add(new File([bytes], name, { type: 'image/jpeg' }));
            return data;
        }""",
        [picture.name, base64.b64encode(picture.read_bytes()).decode()],
    )


@pytest.mark.parametrize("give", [_drop, _paste, _choose])
def test_picture_given_finds_its_like(page: Page, address: str, photographs: Path, give) -> None:
    page.goto(address)
    with page.expect_request("**/search/image?*") as request:
        give(page, photographs / "cyan-dim.jpg")
    expect(page.locator("#status")).to_have_text("The best 24 images for the picture")
    assert "multipart/form-data" in request.value.headers["content-type"]
    assert captions(page)[0] == "a dim cyan picture"
    expect(page.locator("#query-image")).to_be_visible()


def test_file_that_is_no_picture_is_refused_by_name_where_one_looks(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#wall button.photo").last).to_be_attached()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.set_input_files("#file", {"name": "notes.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"})
    expect(page.get_by_role("alert")).to_contain_text("“notes.pdf” is not a picture.")
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_chips_change_request_and_results(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=magenta")
    expect(page.locator("#list .caption").first).to_contain_text("magenta")
    page.fill("#modifier", "blue")
    with page.expect_request("**/search/text") as request:
        page.keyboard.press("Enter")
    assert json.loads(request.value.post_data)["modifiers"] == ["+blue"]
    expect(page.locator("#list .caption").first).to_contain_text("violet")

    with page.expect_request("**/search/text") as request:
        page.get_by_role("button", name="plus blue").click()
    assert json.loads(request.value.post_data)["modifiers"] == ["-blue"]
    expect(page.locator("#list .caption").first).to_contain_text("red")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["magenta"], "m": ["-blue"], "collection": ["colours"]}

    page.keyboard.press("Delete")  # the chip that was pressed has the focus
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator("#list .caption").first).to_contain_text("magenta")


def test_several_signed_words_become_several_chips(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    page.fill("#modifier", "t-shirt -two people, +dusk −rain")
    page.keyboard.press("Enter")
    expect(page.locator(".chip .sign")).to_have_text(["+t-shirt", "−two people", "+dusk", "−rain"])
    page.get_by_role("button", name="Remove dusk").click()
    expect(page.locator(".chip .sign")).to_have_text(["+t-shirt", "−two people", "−rain"])


def test_picture_and_signed_words_go_together(page: Page, address: str, photographs: Path) -> None:
    page.goto(address)
    page.set_input_files("#file", photographs / "red-bright.jpg")
    expect(page.locator("#list .caption").first).to_contain_text("red")
    page.fill("#modifier", "green")
    with page.expect_request(re.compile("/search/image")) as request:
        page.keyboard.press("Enter")
    assert "modifier=%2Bgreen" in request.value.url
    expect(page.locator("#list .caption").first).to_contain_text("yellow")


def test_more_like_this_asks_by_id(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=green&m=-blue")
    third = page.locator("#list .card").nth(2)
    caption, identity = third.locator(".caption").inner_text(), third.locator(".photo").get_attribute("data-id")
    with page.expect_request(re.compile("/search/image")) as request:
        third.get_by_role("button", name="More like this").click()
    assert json.loads(request.value.post_data) == {"id": identity}
    expect(page.locator("#status")).to_have_text("The best 24 images for the picture")
    assert caption not in captions(page), "the picture itself is no answer"
    assert all("green" in like for like in captions(page)[:2])
    expect(page.locator("#query-image img")).to_have_attribute("src", re.compile(identity))
    assert parse_qs(urlsplit(page.url).query) == {"image": [identity], "collection": ["colours"]}


def test_back_returns_through_words_chips_and_pictures(page: Page, address: str, photographs: Path) -> None:
    page.goto(address)
    search(page, "red")
    page.fill("#modifier", "blue")
    page.keyboard.press("Enter")
    expect(page.locator("#list .caption").first).to_contain_text("magenta")
    page.set_input_files("#file", photographs / "white-dark.jpg")  # the chip stays: white and blue
    expect(page.locator("#list .caption").first).to_contain_text("violet")
    page.get_by_role("button", name="Remove the picture").click()
    search(page, "green")

    page.go_back()  # blue alone
    expect(page.locator("#list .caption").first).to_contain_text("blue")
    page.go_back()
    expect(page.locator("#query-image-name")).to_have_text("your picture")
    expect(page.locator("#list .caption").first).to_contain_text("violet")
    page.go_back()
    expect(page.locator("#query")).to_have_value("red")
    expect(page.locator(".chip .sign")).to_have_text(["+blue"])
    expect(page.locator("#list .caption").first).to_contain_text("magenta")
    page.go_back()
    expect(page.locator(".chip")).to_have_count(0)
    expect(page.locator("#list .caption").first).to_contain_text("red")
    page.go_back()
    expect(page.locator("#home")).to_be_visible()
    expect(page.locator("#list button.photo")).to_have_count(0)
    page.go_forward()
    expect(page.locator("#query")).to_have_value("red")


def test_back_returns_to_the_same_place(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=blue")
    expect(page.locator("#list button.photo").nth(23)).to_be_attached()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#list button.photo")).to_have_count(28)
    page.locator("#list .similar").last.click()
    expect(page.locator("#query-image")).to_be_visible()
    expect(page.locator("#list button.photo")).to_have_count(24)
    page.go_back()
    expect(page.locator("#list button.photo")).to_have_count(28)
    assert page.evaluate("scrollY") > 0


def test_show_more_adds_the_rest_once(page: Page, address: str) -> None:
    page.add_init_script(NO_OBSERVER)
    page.goto(f"{address}/?q=yellow")
    expect(page.locator("#list button.photo")).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#list button.photo")).to_have_count(28)
    expect(page.locator("#more")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("28 images for “yellow”")
    identities = page.locator("#list button.photo").evaluate_all("all => all.map((one) => one.dataset.id)")
    assert len(set(identities)) == 28


def test_more_results_still_tell_how_the_words_were_read(page: Page, address: str) -> None:
    page.add_init_script(NO_OBSERVER)
    page.goto(f"{address}/?q=a+yelow+picture")
    expect(page.locator("#list button.photo")).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#list button.photo")).to_have_count(28)
    expect(page.locator("#reading")).to_contain_text("search instead for “a yelow picture”")


def test_captions_are_found_for_words_and_pictures(page: Page, address: str, photographs: Path) -> None:
    page.goto(f"{address}/?q=green")
    page.get_by_label("Captions").check()
    expect(page.locator("#status")).to_have_text("The best 24 captions for “green”")
    expect(page.locator("#list .quote .caption").first).to_contain_text("green")
    page.set_input_files("#file", photographs / "blue-dim.jpg")
    expect(page.locator("#list .quote .caption").first).to_contain_text("blue")
    assert parse_qs(urlsplit(page.url).query)["target"] == ["text"]


def test_shared_link_opens_the_same_search(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=blue&m=%2Bred&m=-white&collection=plain&target=image")
    expect(page.locator("#query")).to_have_value("blue")
    expect(page.locator(".chip .sign")).to_have_text(["+red", "−white"])
    expect(page.locator("#collection")).to_have_value("plain")
    expect(page.locator("#status")).to_have_text("2 images for “blue” + red − white")


def test_other_collection_is_searched_when_picked(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=blue")
    page.get_by_label("Collection").select_option("plain")
    expect(page.locator("#status")).to_have_text("2 images for “blue”")
    assert captions(page)[0] == "plain-blue.jpg"
    expect(page.locator("#facts")).to_contain_text("plain: 2 images")


def test_newer_search_wins_over_a_slow_older_one(page: Page, address: str) -> None:
    page.goto(address)
    is_older = re.compile('"query":"red"')
    page.route("**/search/text", lambda route: None if is_older.search(route.request.post_data) else route.continue_())
    with page.expect_request(lambda request: is_older.search(request.post_data or "")):
        page.fill("#query", "red")
        page.keyboard.press("Enter")
    with page.expect_event("requestfailed", lambda request: is_older.search(request.post_data or "")) as failed:
        search(page, "blue")
    assert failed.value.failure == "net::ERR_ABORTED"
    expect(page.locator("#list .caption").first).to_contain_text("blue")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")


def test_each_result_has_one_sign_and_the_page_says_where_nothing_matches(
    page: Page, calibrated_address: str, address: str
) -> None:
    page.goto(f"{calibrated_address}/?q=red")
    signs = page.locator("#list .strength")
    expect(signs).to_have_count(24)
    expect(signs.first).to_have_text("Strong match")
    expect(signs.first).to_have_attribute(
        "title", re.compile(r"Similarity [\d.−]+, \d+% likely to show what was asked")
    )
    expect(signs.last).to_have_text("Weak match")
    expect(signs.last).to_have_attribute("title", re.compile("<1% likely"))
    expect(page.locator("#list .divider")).to_have_count(1)
    strengths = page.locator("#list > li").evaluate_all("all => all.map((one) => one.className + one.dataset.strength)")
    first_weak = strengths.index("cardweak")
    assert strengths[first_weak - 1] == "dividerweak"
    assert set(strengths[first_weak:]) == {"cardweak"}
    expect(page.locator("#warnings li")).to_have_count(0)

    page.goto(f"{calibrated_address}/?q=green&collection=plain")  # which is red and blue
    expect(page.locator("#warnings li")).to_contain_text("No result is a likely match")
    expect(page.locator("#list .card .photo")).to_have_count(2)
    expect(page.locator("#list .divider")).to_have_count(0)  # there is nothing above it

    page.goto(f"{address}/?q=red")  # a model without a calibration
    expect(signs.first).to_be_visible()
    expect(signs.first).not_to_have_attribute("title", re.compile("likely"))


def test_signs_in_the_words_become_chips(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#query", "red +blue -green")
    page.keyboard.press("Enter")
    expect(page.locator(".chip .sign")).to_have_text(["+blue", "−green"])
    expect(page.locator("#query")).to_have_value("red")
    expect(page.locator("#status")).to_have_text("The best 24 images for “red” + blue − green")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["red"], "m": ["+blue", "-green"], "collection": ["colours"]}
    expect(page.locator("#list .caption").first).to_contain_text("magenta")
    page.go_back()
    expect(page.locator("#home")).to_be_visible()


def test_what_is_absent_becomes_a_chip_and_can_be_taken_back(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#query", "magenta without blue")
    page.keyboard.press("Enter")
    expect(page.locator(".chip .sign")).to_have_text(["−blue"])
    expect(page.locator("#query")).to_have_value("magenta")
    expect(page.locator("#reading")).to_contain_text("Looking for pictures without blue")
    expect(page.locator("#list .caption").first).to_contain_text("red")
    with page.expect_request("**/search/text") as request:
        page.get_by_role("button", name="search instead for “magenta without blue”").click()
    asked = json.loads(request.value.post_data)
    assert (asked["query"], asked["modifiers"], asked["negation"]) == ("magenta without blue", [], "off")
    expect(page.locator("#list .caption").first).to_contain_text("violet")
    expect(page.locator("#reading")).to_be_hidden()
    page.go_back()
    expect(page.locator("#reading")).to_be_visible()
    expect(page.locator(".chip .sign")).to_have_text(["−blue"])


def test_a_wrong_letter_is_corrected_and_can_be_taken_back(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#query", "a brigth blue picture")
    page.keyboard.press("Enter")
    expect(page.locator("#reading")).to_have_text(
        "Showing results for a bright blue picture; search instead for “a brigth blue picture”."
    )
    expect(page.locator("#query")).to_have_value("a bright blue picture")
    expect(page.locator("#list .caption").first).to_contain_text("blue")
    with page.expect_request("**/search/text") as request:
        page.get_by_role("button", name="search instead for “a brigth blue picture”").click()
    asked = json.loads(request.value.post_data)
    assert (asked["query"], asked["correct"]) == ("a brigth blue picture", "off")
    expect(page.locator("#query")).to_have_value("a brigth blue picture")
    page.reload()
    expect(page.locator("#query")).to_have_value("a brigth blue picture")


def test_chips_alone_are_a_search(page: Page, address: str) -> None:
    page.goto(address)
    page.fill("#modifier", "+blue")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("The best 24 images for + blue")
    expect(page.locator("#list .caption").first).to_contain_text("blue")
    page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("")
    expect(page.locator("#breakdown")).to_contain_text("Score")


def test_words_beside_a_picture_steer_it(page: Page, address: str, photographs: Path) -> None:
    page.goto(address)
    page.set_input_files("#file", photographs / "white-dark.jpg")
    expect(page.locator("#query-image-name")).to_have_text("your picture")
    page.fill("#query", "blue")
    page.keyboard.press("Enter")
    expect(page.locator(".chip .sign")).to_have_text(["+blue"])
    expect(page.locator("#query-image-name")).to_have_text("your picture")
    expect(page.locator("#query")).to_have_value("")


def test_a_thumbnail_that_does_not_come_leaves_its_words(page: Page, address: str, complaints: Complaints) -> None:
    page.route(re.compile("/thumbnail"), lambda route: route.abort())
    page.goto(f"{address}/?q=red")
    first = page.locator("#list .photo img").first
    expect(first).to_have_class(re.compile("missing"))
    assert "red" in str(first.get_attribute("alt"))
    complaints.expect("Failed to load resource")


def test_a_busy_service_is_asked_again(page: Page, address: str, complaints: Complaints) -> None:
    asked = []

    def busy_once(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()
        else:
            route.fulfill(status=503, json={"title": "Service Unavailable", "detail": "busy", "status": 503})

    page.route(re.compile("/search/text"), busy_once)
    page.goto(f"{address}/?q=red")
    expect(page.locator("#status")).to_have_text("The service is busy: trying again…")
    expect(page.locator("#list button.photo").first).to_be_visible()
    assert len(asked) == 2
    complaints.expect("Failed to load resource")


def test_a_picture_survives_a_reload_and_a_copied_address_in_its_tab(page: Page, address: str, photographs: Path) -> None:  # fmt: skip  # noqa: E501
    page.goto(address)
    page.set_input_files("#file", photographs / "blue-dark.jpg")
    expect(page.locator("#list .caption").first).to_contain_text("blue")
    copied = page.url
    page.wait_for_function("sessionStorage.length > 1")
    page.reload()
    expect(page.locator("#query-image-name")).to_have_text("your picture")
    expect(page.locator("#list .caption").first).to_contain_text("blue")
    page.goto(f"{address}/?q=red")
    expect(page.locator("#list .caption").first).to_contain_text("red")
    page.goto(copied)
    expect(page.locator("#list .caption").first).to_contain_text("blue")


def test_a_picture_of_another_tab_is_told(page: Page, address: str) -> None:
    page.goto(f"{address}/?picture=elsewhere")
    expect(page.get_by_role("alert")).to_contain_text("This picture is not here any more")
    expect(page.get_by_role("alert")).to_be_in_viewport()


def test_back_closes_the_explanation_and_its_address_opens_it(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    page.locator("#list button.photo").nth(1).click()
    expect(page.locator("#explain")).to_be_visible()
    expect(page).to_have_url(re.compile("why="))
    title = page.locator("#explain-title").inner_text()
    copied = page.url
    page.get_by_role("button", name="Next result").click()
    expect(page.locator("#explain-title")).not_to_have_text(title)
    page.go_back()
    expect(page.locator("#explain")).to_be_hidden()
    expect(page.locator("#list button.photo").first).to_be_visible()
    assert "why=" not in page.url
    page.go_forward()
    expect(page.locator("#explain")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#explain")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("why="))
    page.goto(copied)
    expect(page.locator("#explain-title")).to_have_text(title)
    page.get_by_role("button", name="Close").click()
    expect(page).not_to_have_url(re.compile("why="))
    expect(page.locator("#list button.photo").first).to_be_visible()


def test_more_is_shown_to_the_last_picture(page: Page, far_address: str) -> None:
    page.add_init_script(NO_OBSERVER)
    page.goto(f"{far_address}/?q=blue&collection=colours")
    expect(page.locator("#list button.photo")).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#list button.photo")).to_have_count(28)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("28 images for “blue”")
