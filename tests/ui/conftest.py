"""A real service over real collections of plain colours, and a real browser in front of it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from browser_complaints import Complaints
from PIL import Image
from playwright.sync_api import sync_playwright
from toy_captioner import NAMES as CAPTIONERS
from toy_encoder import CALIBRATION, ToyEncoder
from toy_indexing import index_with
from toy_matcher import NAME as MATCHER
from toy_matcher import ToyMatcher
from toy_pages import ALBUM, save_dated, serving

from indexer.ingest.request import IndexRequest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

COLOURS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "cyan": (0, 1, 1),
    "magenta": (1, 0, 1), "white": (1, 1, 1), "orange": (1, 0.5, 0), "violet": (0.5, 0, 1),
}  # fmt: skip
SHADES = {"bright": (255, (90, 60)), "dim": (170, (48, 64)), "dark": (110, (96, 54))}
"""Brightness, and a size of its own for each: landscape, portrait, wide."""


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-seven plain pictures with captions, and one that is red on the left and blue on the right."""
    folder = tmp_path_factory.mktemp("photographs")
    for colour, channels in COLOURS.items():
        for shade, (brightness, size) in SHADES.items():
            level = tuple(round(brightness * channel) for channel in channels)
            Image.new("RGB", size, level).save(folder / f"{colour}-{shade}.jpg", quality=95)
            (folder / f"{colour}-{shade}.txt").write_text(f"a {shade} {colour} picture")
    halves = Image.new("RGB", (120, 80), (255, 0, 0))
    halves.paste((0, 0, 255), (60, 0, 120, 80))
    halves.save(folder / "halves.jpg", quality=95)
    (folder / "halves.txt").write_text("<b>red</b> and <img src=x onerror=alert(1)> blue")
    return folder


@pytest.fixture(scope="session")
def data_dir(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold three collections: ``colours`` with captions, ``plain`` without, and ``album``, with dates and folders."""
    data = tmp_path_factory.mktemp("data")
    index_with(IndexRequest(data_dir=data, collection="colours", paths=(photographs,)), [ToyEncoder()], [ToyMatcher()])
    few = tmp_path_factory.mktemp("few")
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 48), tuple(255 * c for c in COLOURS[colour])).save(few / f"plain-{colour}.jpg")
    index_with(IndexRequest(data_dir=data, collection="plain", paths=(few,)), [ToyEncoder()])
    album = tmp_path_factory.mktemp("album")
    for number in range(ALBUM):
        save_dated(album / f"{2020 + number // 50}" / f"IMG_{number % 50:04}.jpg", number)
    index_with(IndexRequest(data_dir=data, collection="album", paths=(album,)), [ToyEncoder()])
    return data


@pytest.fixture(autouse=True)
def quiet(log_of_the_test: None) -> None:
    """Keep the log of every thumbnail out of the tests' output."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
def address(data_dir: Path) -> Iterator[str]:
    with serving(data_dir=data_dir, default_collection="colours") as url:
        yield url


@pytest.fixture(scope="session")
def far_address(data_dir: Path) -> Iterator[str]:
    """Serve the same collections with offsets that end at once, so that pages go by cursor."""
    with serving(data_dir=data_dir, max_offset=1) as url:
        yield url


@pytest.fixture(scope="session")
def calibrated_address(data_dir: Path) -> Iterator[str]:
    """Serve the same collections by a model that is sure of its answers to words, and says how sure."""
    encoder = ToyEncoder(calibrations={"text-to-image": CALIBRATION})
    with serving(encoder, data_dir=data_dir, default_collection="colours") as url:
        yield url


@pytest.fixture(scope="session")
def reranked_address(data_dir: Path) -> Iterator[str]:
    """Serve the same collections with a matcher that re-ranks, and a captioner that tells where it looks."""
    with serving(data_dir=data_dir, default_collection="colours", rerank=MATCHER, captioner=CAPTIONERS[1]) as url:
        yield url


@pytest.fixture(scope="session")
def key() -> str:
    return "open sesame"


@pytest.fixture(scope="session")
def keyed_address(key: str, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve one collection to those who have the key."""
    data = tmp_path_factory.mktemp("keyed")
    index_with(IndexRequest(data_dir=data, collection="colours", paths=(photographs,)), [ToyEncoder()])
    with serving(data_dir=data, api_keys=key) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    """Start Chromium; not for the whole session: Playwright's event loop would be in the way of others."""
    if not CHROMIUM.exists():
        pytest.skip(f"The page is not tested: {CHROMIUM} is missing. Install it: apt-get install chromium")
    with sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def desktop(browser):
    """Hold the browser's cache for most tests; what a page keeps of its own (the key) ends with the page."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def complaints() -> Complaints:
    """Collect what the browser complains of; a test that provokes something names it."""
    return Complaints()


@pytest.fixture
def open_page(browser, desktop, complaints):
    """Open pages; at the end there must be no complaint: no script error, no breach of the content security policy."""
    opened = []

    def open_(**options):
        context = browser.new_context(**options) if options else desktop
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.hear(message.text))
        page.on("pageerror", lambda error: complaints.hear(str(error)))
        opened.append(context if options else page)
        return page

    yield open_
    for one in opened:
        one.close()
    assert complaints.unexpected() == []


@pytest.fixture
def page(open_page):
    return open_page()
