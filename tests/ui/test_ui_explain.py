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


def heat(page: Page, canvas: str = "#heat") -> dict[str, float]:
    """Return the mean opacity of the left and the right half of a heat map, 0..1."""
    return page.evaluate(
        """(canvas) => {
            const heat = document.querySelector(canvas);
            const { width, height } = heat;
            const copy = Object.assign(document.createElement('canvas'), { width, height })
                .getContext('2d', { willReadFrequently: true });
            copy.drawImage(heat, 0, 0);
            const { data } = copy.getImageData(0, 0, width, height);
            const opacity = [...data].filter((_, i) => i % 4 === 3).map((alpha) => alpha / 255);
            const mean = (half) => half.reduce((sum, one) => sum + one, 0) / half.length;
            const isLeft = (_, i) => i % width < width / 2;
            return { left: mean(opacity.filter(isLeft)), right: mean(opacity.filter((...at) => !isLeft(...at))) };
        }""",
        canvas,
    )


def wait_for_heat(page: Page, canvas: str) -> None:
    """Wait until something is painted: the picture beneath has been loaded."""
    page.wait_for_function(
        """(canvas) => {
            const { width, height } = document.querySelector(canvas);
            const copy = Object.assign(document.createElement('canvas'), { width, height })
                .getContext('2d', { willReadFrequently: true });
            copy.drawImage(document.querySelector(canvas), 0, 0);
            return [...copy.getImageData(0, 0, width, height).data].some((one) => one);
        }""",
        arg=canvas,
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


def colour_at(page: Page, x: float, y: float, canvas: str = "#heat") -> list[int]:
    """Return red, green, blue and opacity of a map at a place, fractions of the photograph."""
    return page.evaluate(
        """([x, y, selector]) => {
            const canvas = document.querySelector(selector);
            const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
            const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height })
                .getContext('2d', { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            return [...copy.getImageData(...at).data];
        }""",
        [x, y, canvas],
    )


def test_what_speaks_for_the_query_is_orange_and_what_speaks_against_it_blue(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&m=-blue")
    explain(page, HALVES)
    red, _, blue, opacity = colour_at(page, 0.1, 0.5)
    assert red > blue
    assert opacity > 100
    red, _, blue, opacity = colour_at(page, 0.9, 0.5)
    assert blue > red
    assert opacity > 50
    expect(page.locator("#heat-legend")).to_be_visible()
    legend = [float(text.replace("−", "-")) for text in page.locator("#heat-legend data").all_inner_texts()]
    assert legend == [-1, 1], "of the scale, in units of the score"


def test_a_picture_that_has_nothing_to_do_with_the_query_says_so_and_shows_no_map(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=-red")
    with page.expect_response(re.compile("/explain")):
        page.locator("#list button.photo").first.click()
    expect(page.locator("#heat-note")).to_have_text("Nothing in this picture speaks for the query.")
    expect(page.locator("#heat-legend")).to_be_hidden()
    assert heat(page) == {"left": 0, "right": 0}


def test_a_word_that_is_pointed_at_shows_its_places(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red+blue")
    explain(page, HALVES)
    whole = heat(page)
    assert whole["left"] == pytest.approx(whole["right"], abs=0.05)
    page.locator("#words").get_by_role("button", name="red").hover()
    of_red = heat(page)
    assert of_red["left"] > 0.1
    assert colour_at(page, 0.1, 0.5)[0] > 200
    assert colour_at(page, 0.9, 0.5)[2] > 150, "without red, blue would score more: red speaks against it there"
    page.locator("#explain-title").hover()
    assert heat(page) == whole


def test_a_word_is_reached_by_the_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red+blue")
    explain(page, HALVES)
    whole = heat(page)
    page.locator("#words").get_by_role("button", name="blue").focus()
    assert heat(page) != whole


def test_a_place_that_is_pointed_at_tints_the_words(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red+blue")
    explain(page, HALVES)
    box = page.locator("#stage-frame").bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator("#words .word", has_text="red")).to_have_class("word plus")
    expect(page.locator("#words .word", has_text="blue")).to_have_class("word minus")
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.locator("#words .word", has_text="red")).to_have_class("word minus")


def test_another_method_can_be_chosen_and_stays_chosen(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    explain(page, HALVES)
    choice = page.get_by_label("Method")
    assert choice.locator("option").all_inner_texts() == ["brightest", "covered"]
    with page.expect_response(re.compile("/explain.*method=covered")):
        choice.select_option("covered")
    expect(choice).to_have_value("covered")
    with page.expect_response(re.compile("/explain.*method=covered")):
        page.get_by_role("button", name=re.compile("(Next|Previous) result"), disabled=False).first.click()


@pytest.mark.parametrize("width", [1280, 400])
def test_a_picture_that_was_searched_by_has_its_map_beside_the_result_s(
    page: Page, address: str, photographs, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    page.set_input_files("#file", photographs / "halves.jpg")
    explain(page, "a bright red picture")
    expect(page.locator("#asked-frame")).to_be_visible()
    wait_for_heat(page, "#asked-heat")
    on_asked = heat(page, "#asked-heat")
    assert on_asked["left"] > 0.5 > on_asked["right"], "where it is red itself"
    found, asked = (page.locator(one).bounding_box() for one in ("#stage-frame", "#asked-frame"))
    assert abs(found["y"] - asked["y"]) < 2, "side by side"
    assert found["x"] + found["width"] <= asked["x"]
    assert asked["x"] + asked["width"] <= width
    with page.expect_response(re.compile("/explain")):
        page.get_by_label("Method").select_option("covered")
    expect(page.locator("#heat-note")).to_have_text("")
    expect(page.locator("#asked-frame")).to_be_visible()
    assert heat(page, "#asked-heat") == {"left": 0, "right": 0}, "this method does not look at it"


def test_a_picture_of_the_collection_that_was_searched_by_stands_beside_too(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    page.locator("#list li", has_text=HALVES).get_by_role("button", name="More like this").click()
    expect(page.locator("#status")).to_contain_text("for the picture")
    explain(page, "a bright red picture")
    wait_for_heat(page, "#asked-heat")
    assert page.locator("#asked-photo").evaluate("(photo) => photo.naturalWidth") > 0


def test_each_term_has_its_own_map_and_what_speaks_for_one_that_is_taken_away_is_blue(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&m=-blue")
    explain(page, HALVES)
    terms = page.locator("#heat-terms")
    assert terms.locator("label").all_inner_texts() == ["All of it", "red", "− blue"]
    whole = heat(page)
    terms.get_by_role("radio", name="red").check()
    of_red = heat(page)
    assert of_red["left"] > 0.1 > of_red["right"]
    assert colour_at(page, 0.1, 0.5)[0] > 200
    terms.get_by_role("radio", name="− blue").check()
    of_blue = heat(page)
    assert of_blue["right"] > 0.1 > of_blue["left"]
    red, _, blue, _ = colour_at(page, 0.9, 0.5)
    assert blue > red
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")  # from the last of the radio buttons to the first, and no step to another result
    expect(page.get_by_role("radio", name="All of it")).to_be_checked()
    expect(page.locator("#explain-title")).to_have_text(HALVES)
    assert heat(page) == whole


def test_a_query_of_one_term_has_one_map_and_no_choice(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    explain(page, HALVES)
    expect(page.locator("#heat-terms")).to_be_hidden()


def test_how_well_a_result_matches_is_told_in_words(page: Page, calibrated_address: str) -> None:
    page.goto(f"{calibrated_address}/?q=red")
    explain(page, "a bright red picture")
    expect(page.locator("#explain-place")).to_have_text(re.compile(r"^Result \d+ · Strong match · score [01]\.\d{3}$"))
    page.keyboard.press("Escape")
    page.locator("#list li[data-strength=weak] .photo").last.click()
    expect(page.locator("#explain-place")).to_contain_text("Weak match")


def test_a_re_ranked_score_is_explained_as_it_was_shown(page: Page, reranked_address: str) -> None:
    page.goto(f"{reranked_address}/?q=red+blue")
    explain(page, HALVES)
    parts, score = breakdown(page)
    card = page.locator("#list li", has_text=HALVES).locator("data.strength")
    shown = float(re.search(r"Similarity ([\d.]+)", card.get_attribute("title"))[1])
    assert score == pytest.approx(shown, abs=1e-3)
    expect(page.locator("#explain-place")).to_contain_text(f"score {shown:.3f}")
    assert sum(parts) == pytest.approx(score, abs=1e-6)
    assert page.locator("#breakdown th").all_inner_texts() == ["red blue", "the matcher toy-matcher", "Score"]
    assert page.locator("#words h4").all_inner_texts() == ["red blue", "the matcher toy-matcher"]
    page.get_by_role("radio", name="the matcher toy-matcher").check()
    assert colour_at(page, 0.2, 0.25)[0] > 200
    page.locator("#words p").last.get_by_role("button", name="blue").hover()
    assert colour_at(page, 0.9, 0.25)[0] > 200, "found on the right"
    red, _, blue, _ = colour_at(page, 0.1, 0.25)
    assert blue > red, "without it, the other word would be worth more there"


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


def test_a_caption_is_explained_itself_by_its_words_and_those_of_the_query(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=green&target=text")
    explain(page, "a dark green picture")
    expect(page.locator("#explain-note")).to_be_hidden()
    parts, score = breakdown(page)
    card = page.locator("#list li", has_text="a dark green picture").locator("data.strength")
    assert (parts, score) == ([], pytest.approx(float(card.get_attribute("value")), abs=1e-6))
    assert page.locator("#words h4").all_inner_texts() == ["green", "The caption"]
    assert page.locator("#words p").last.locator(".word > span").all_inner_texts() == ["a", "dark", "green", "picture"]
    expect(page.locator("#heat-strength")).to_be_hidden()
    expect(page.locator("#heat-legend")).to_be_hidden()
    expect(page.locator("#heat-note")).to_have_text("")


def test_a_caption_that_a_picture_found_has_its_map_on_that_picture(page: Page, address: str, photographs) -> None:
    page.goto(f"{address}/?target=text")
    page.set_input_files("#file", photographs / "halves.jpg")
    explain(page, "a bright red picture")
    wait_for_heat(page, "#asked-heat")
    on_asked = heat(page, "#asked-heat")
    assert on_asked["left"] > on_asked["right"]
    assert heat(page) == {"left": 0, "right": 0}
    page.locator("#words").get_by_role("button", name="red").hover()
    red, _, blue, _ = colour_at(page, 0.1, 0.5, "#asked-heat")
    assert red > blue
    red, _, blue, _ = colour_at(page, 0.9, 0.5, "#asked-heat")
    assert blue > red, "a picture without the word would fit that half better"


def test_an_address_explains_a_caption_that_is_on_a_later_page(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red&target=text")
    identity = page.locator("#list button.photo").first.get_attribute("data-id")
    title = page.locator("#list .caption").first.inner_text()
    page.goto(f"{address}/?q=-red&target=text&why={identity}")  # which is its last result now
    expect(page.locator("#explain-title")).to_have_text(title)
    expect(page.locator("#words-section")).to_be_visible()
    assert breakdown(page)[1] < 0


def test_an_address_opens_an_explanation_and_back_closes_it(page: Page, address: str) -> None:
    page.goto(f"{address}/?q=red")
    explain(page, HALVES)
    there = page.url
    page.go_back()
    expect(page.locator("#explain")).to_be_hidden()
    page.go_forward()
    expect(page.locator("#explain")).to_be_visible()
    with page.expect_response(re.compile("/explain")):
        page.goto(there)
    expect(page.locator("#explain-title")).to_have_text(HALVES)
    expect(page.locator("#words-section")).to_be_visible()


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
