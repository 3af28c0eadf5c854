"""Photographs the web page of a running demonstration for the README: ``python docs/picture.py [ADDRESS]``."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("images") / "page.jpg"
CHROMIUM = "/usr/bin/chromium"
QUERY = "?q=a+castle+by+the+water&collection=demo"
WIDTH, HEIGHT = 1280, 900


def photograph(address: str) -> None:
    """Save a picture of the explanation of a search's best result."""
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{address}/{QUERY}")
        page.locator("#list img.loaded").nth(5).wait_for()
        page.locator("#list button.photo").first.click()
        page.locator("#words .word").first.wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PICTURE, type="jpeg", quality=85)
        browser.close()


if __name__ == "__main__":
    photograph(sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:8000")
