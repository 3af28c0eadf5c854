"""A caption that a model writes, where the captions of a picture are shown."""

import re
from pathlib import Path

import pytest
from browser_complaints import Complaints
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_caption_is_written_for_a_picture_when_asked_for(page: Page, address: str, photographs: Path) -> None:
    page.goto(f"{address}/?target=text")
    page.set_input_files("#file", photographs / "blue-bright.jpg")
    button = page.get_by_role("button", name="Write a caption")
    expect(button).to_be_visible()
    with page.expect_request(re.compile("generate=true")):
        button.click()
    expect(page.locator("#written")).to_have_text("a blue square written by toy-captioner")
    expect(button).to_have_count(0)


def test_a_collection_without_captions_offers_one_too(page: Page, address: str, photographs: Path) -> None:
    page.goto(f"{address}/?target=text&collection=plain")
    page.set_input_files("#file", photographs / "red-bright.jpg")
    page.get_by_role("button", name="Write a caption").click()
    expect(page.locator("#written q")).to_have_text("a red square")


def test_neither_words_nor_a_search_for_images_offer_one(page: Page, address: str, photographs: Path) -> None:
    page.goto(f"{address}/?q=green&target=text")
    expect(page.locator("#list .quote").first).to_be_visible()
    expect(page.locator("#written")).to_be_hidden()
    page.goto(address)
    page.set_input_files("#file", photographs / "blue-bright.jpg")
    expect(page.locator("#list button.photo").first).to_be_visible()
    expect(page.locator("#written")).to_be_hidden()


def test_a_captioner_that_fails_is_told_and_can_be_asked_again(
    page: Page, address: str, photographs: Path, complaints: Complaints
) -> None:
    page.goto(f"{address}/?target=text")
    page.set_input_files("#file", photographs / "blue-bright.jpg")
    page.route(
        re.compile("generate=true"), lambda route: route.fulfill(status=503, json={"detail": "Not now."}), times=1
    )
    page.get_by_role("button", name="Write a caption").click()
    expect(page.locator("#written")).to_contain_text("Not now.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#written q")).to_have_text("a blue square")
    complaints.expect("Failed to load resource")


def test_each_word_shows_where_the_model_looked_for_it(page: Page, reranked_address: str, photographs: Path) -> None:
    page.goto(f"{reranked_address}/?target=text")
    page.set_input_files("#file", photographs / "blue-bright.jpg")
    page.get_by_role("button", name="Write a caption").click()
    words = page.locator("#written button.word")
    expect(words).to_have_text(["a", "blue", "square"])
    assert page.locator("#written q").inner_text() == "a blue square"
    painted = """() => {
        const canvas = document.querySelector('#written canvas');
        const { width, height } = canvas;
        const copy = Object.assign(document.createElement('canvas'), { width, height })
            .getContext('2d', { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const at = (x, y) => copy.getImageData(Math.floor(x * width), Math.floor(y * height), 1, 1).data[3];
        return [at(0.95, 0.05), at(0.05, 0.95)];
    }"""
    words.nth(1).hover()
    looked, elsewhere = page.evaluate(painted)
    assert looked > 200 > 50 > elsewhere, "it looks at the upper right"
    page.mouse.move(1, 1)
    assert page.evaluate(painted) == [0, 0]
    words.nth(2).focus()
    assert page.evaluate(painted)[0] > 200
