"""The report opens from disk, asks nothing of a network, and its map answers to pointer, finger and keys."""

import re
from pathlib import Path

import pytest
from demo_set import PHOTOGRAPHS, write_tokens
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from service.cli import app

pytestmark = pytest.mark.browser

PLACE = """([side, index]) => {
    const path = document.querySelector(`#plane path.${side}`);
    const [, x, y] = [...path.getAttribute('d').matchAll(/M(\\d+) (\\d+)/g)][index];
    const at = new DOMPoint(x, y).matrixTransform(path.getScreenCTM());
    return [at.x, at.y];
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    output = folder / "report.html"
    arguments = ["--images", PHOTOGRAPHS, "--captions", write_tokens(folder, 24), "--output", output]
    result = CliRunner().invoke(app, ["evaluate", "report", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return output


@pytest.fixture
def opened(page: Page, report: Path) -> Page:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    yield page
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]


def point_at(page: Page, side: str, index: int) -> tuple[float, float]:
    page.locator("#plane").scroll_into_view_if_needed()
    return page.evaluate(PLACE, [side, index])


def test_it_shows_figures_map_and_pictures_and_keeps_a_caption_text(opened: Page) -> None:
    expect(opened).to_have_title("semblance-base on demo.token")
    expect(opened.locator("#retrieval tbody tr")).to_have_count(2)
    expect(opened.locator("#queries article")).to_have_count(20)
    broken = opened.evaluate("[...document.images].filter((image) => !image.naturalWidth).length")
    assert broken == 0
    assert opened.evaluate("document.title") == "semblance-base on demo.token"


def test_a_dot_under_the_pointer_shows_its_image_and_all_its_captions(opened: Page) -> None:
    opened.mouse.move(*point_at(opened, "images", 0))
    expect(opened.locator("#detail li")).to_have_count(2)
    expect(opened.locator("#detail li").first).to_have_text("Three wooden drums decorated with shells lie on the grass")
    expect(opened.locator("#detail li").last).to_contain_text("</script><script>")
    expect(opened.locator("#detail img.here")).to_be_visible()
    expect(opened.locator("#plane .links path")).to_have_count(5)  # two lines, three dots
    opened.mouse.move(*point_at(opened, "captions", 5))
    expect(opened.locator("#detail li.here")).to_have_count(1)
    assert opened.evaluate("document.querySelector('#detail img').naturalWidth") > 0


def test_the_map_is_enlarged_moved_and_reset(opened: Page) -> None:
    plane = opened.locator("#plane")
    before = plane.get_attribute("viewBox")
    opened.get_by_role("button", name="Enlarge").click()
    enlarged = plane.get_attribute("viewBox")
    assert float(enlarged.split()[2]) < float(before.split()[2])
    box = plane.bounding_box()
    opened.mouse.move(box["x"] + 200, box["y"] + 200)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 150, box["y"] + 180)
    opened.mouse.up()
    moved = plane.get_attribute("viewBox")
    assert float(moved.split()[0]) > float(enlarged.split()[0])
    opened.get_by_role("button", name="Reset").click()
    assert [float(n) for n in plane.get_attribute("viewBox").split()] == [float(n) for n in before.split()]


def test_keys_go_from_dot_to_dot(opened: Page) -> None:
    opened.locator("#plane").focus()
    opened.keyboard.press("ArrowRight")
    first = opened.locator("#detail").inner_html()
    opened.keyboard.press("ArrowRight")
    assert "<li" in first and opened.locator("#plane .links .here").count() == 1
    assert opened.locator("#detail").inner_html() != first
    opened.keyboard.press("+")
    expect(opened.locator("#plane")).to_have_class(re.compile("enlarged"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_finger_finds_a_dot_and_a_phone_scrolls_one_way(open_page, report: Path, scheme: str) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, has_touch=True, color_scheme=scheme)
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.touchscreen.tap(*point_at(page, "captions", 3))
    expect(page.locator("#detail li.here")).to_have_count(1)


def test_a_page_without_pictures_has_a_map_and_no_complaint(page: Page, report: Path) -> None:
    output = report.with_name("plain.html")
    arguments = ["--images", PHOTOGRAPHS, "--captions", report.with_name("demo.token.txt"), "--output", output]
    result = CliRunner().invoke(app, ["evaluate", "report", "--no-pictures", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "data:image/webp" not in output.read_text(encoding="utf-8")
    page.goto(output.as_uri())
    expect(page.locator("#plane")).to_be_visible()
    expect(page.locator("#detail")).to_have_count(0)


def test_a_map_is_a_page_by_its_name_or_is_refused(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path, 12)
    for name, status in (("map.html", 0), ("map.gif", 1)):
        arguments = ["--images", PHOTOGRAPHS, "--captions", tokens, "--output", tmp_path / name]
        result = CliRunner().invoke(app, ["evaluate", "map", *map(str, arguments)])
        assert result.exit_code == status
        assert (tmp_path / name).exists() == (status == 0)
    assert 'id="content"' in (tmp_path / "map.html").read_text(encoding="utf-8")
