"""``GET /images``: a collection's images without a query, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from colour_collection import COLOURS, assert_problem, index, save_colours
from PIL import Image
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from service.api.cursor import read_browsing_cursor, write_browsing_cursor, write_cursor
from service.api.schemas import BrowsedImages
from service.search.query import Position

DATE_TIME = 0x0132
TAKEN = {"2/IMG_1.jpg": "2024:05:02 09:00:00", "1/IMG_1.jpg": "2024:05:02 08:59:59", "old.jpg": "1999:01:01 00:00:00"}
"""Beside these there are two without a date."""
NEWEST_FIRST = ["2/IMG_1.jpg", "1/IMG_1.jpg", "old.jpg", "1/a.jpg", "2/b.jpg"]


@pytest.fixture
def album(start: Callable[..., TestClient], tmp_path: Path) -> TestClient:
    """Serve five pictures in two folders, of which two have the same name."""
    for number, path in enumerate(NEWEST_FIRST):
        file = tmp_path / "pictures" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (30, 20 + number), (40 * number, 0, 0))
        exif = picture.getexif()
        if path in TAKEN:
            exif[DATE_TIME] = TAKEN[path]
        picture.save(file, exif=exif)
    index(tmp_path / "album", "album", tmp_path / "pictures")
    return start(data_dir=tmp_path / "album")


def pages(client: TestClient, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Yield every page's answer."""
    while True:
        answer = client.get("/images", params=parameters)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        parameters["cursor"] = answer.json()["next_cursor"]
        if parameters["cursor"] is None:
            return


def paths(client: TestClient, **parameters: Any) -> list[str]:
    return [result["path"] for page in pages(client, **parameters) for result in page["results"]]


def test_the_newest_come_first_and_those_without_a_date_last_by_name(album: TestClient) -> None:
    assert paths(album) == NEWEST_FIRST
    assert paths(album, sort="taken", k=2) == NEWEST_FIRST


def test_other_orders_are_by_name_and_by_when_an_image_came(album: TestClient, tmp_path: Path) -> None:
    assert paths(album, sort="name", k=1) == ["1/IMG_1.jpg", "2/IMG_1.jpg", "1/a.jpg", "2/b.jpg", "old.jpg"]
    Image.new("RGB", (9, 9)).save(tmp_path / "pictures" / "late.png")
    index(tmp_path / "album", "album", tmp_path / "pictures")
    assert album.post("/collections/album/reload").status_code == 200
    assert paths(album, sort="added", k=4)[0] == "late.png"


def test_a_page_has_the_form_of_results(client: TestClient) -> None:
    answer = client.get("/images?k=3&sort=name&collection=colours")
    declared = TypeAdapter(BrowsedImages)
    assert declared.dump_python(declared.validate_json(answer.text), mode="json").keys() == answer.json().keys()
    page = answer.json()
    assert [result["metadata"]["name"] for result in page["results"]] == sorted(
        result["metadata"]["name"] for result in page["results"]
    )
    assert (page["total"], page["collection"]["name"], page["collection"]["generation"]) == (len(COLOURS), "colours", 1)
    first = page["results"][0]
    searched = client.post("/search/text", json={"query": "blue", "k": 1}).json()["results"][0]
    assert first == {name: searched[name] for name in first}
    assert first["path"] == "blue.webp"


def test_the_last_page_tells_that_it_is_the_last(client: TestClient) -> None:
    found = list(pages(client, k=len(COLOURS)))
    assert (len(found), found[0]["next_cursor"]) == (1, None)
    assert [len(page["results"]) for page in pages(client, k=len(COLOURS) - 1)] == [len(COLOURS) - 1, 1]


def test_a_cursor_of_another_generation_is_stale(
    client: TestClient, pictures: Path, data_dir: Path, tmp_path: Path
) -> None:
    cursor = client.get("/images?k=2").json()["next_cursor"]
    save_colours(tmp_path / "more", ["red"])
    index(data_dir, "colours", tmp_path / "more")
    assert client.post("/collections/colours/reload").status_code == 200
    assert_problem(client.get("/images", params={"cursor": cursor}), 409, "start again")


def test_what_is_no_cursor_no_order_or_no_size_is_refused(client: TestClient) -> None:
    cursor = client.get("/images?k=2").json()["next_cursor"]
    assert_problem(client.get("/images", params={"cursor": cursor, "sort": "name"}), 422, "sort=taken")
    of_a_search = write_cursor(1, Position(1, 0.5, 3))
    for broken in ("", "x", "é", of_a_search, write_browsing_cursor(1, "taken", 10**30)):
        assert_problem(client.get("/images", params={"cursor": broken}), 422, "next_cursor")
    assert_problem(client.get("/images?sort=size"), 422, "'added'")
    assert_problem(client.get("/images?offset=2"), 422)
    for k in (0, 101):
        assert_problem(client.get(f"/images?k={k}"), 422)
    assert_problem(client.get("/images?collection=sounds"), 404)


def test_a_browsing_cursor_is_read_as_it_was_written() -> None:
    assert read_browsing_cursor(write_browsing_cursor(7, "added", 2**40), "added") == (7, 2**40)
