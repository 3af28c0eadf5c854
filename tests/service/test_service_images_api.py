"""Catalog entries, thumbnails and originals; and that no other file can be had."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from colour_collection import COLOURS, assert_problem, index, png, save_colours
from PIL import Image
from starlette.testclient import TestClient
from toy_source import MemorySource

from indexer.sources.opening import SOURCES
from models.imaging.formats import DECODER_REVISION
from models.imaging.suffixes import SUFFIXES
from service.api.images import MEDIA_TYPES


@pytest.fixture
def entries(client: TestClient) -> dict[str, Any]:
    """The catalog's entry of each colour."""
    found = client.post("/search/text", json={"query": "white", "k": len(COLOURS)}).json()["results"]
    read = [client.get(f"/images/{result['id']}?collection=colours").json() for result in found]
    return {entry["metadata"]["name"].partition(".")[0]: entry for entry in read}


def test_an_entry_tells_captions_and_addresses(entries: dict[str, Any]) -> None:
    assert set(entries) == set(COLOURS)
    assert entries["green"]["captions"] == ["a green square"]
    assert entries["green"]["metadata"]["format"] == "JPEG"


def test_a_thumbnail_is_a_small_webp_that_never_changes(start: Callable[..., TestClient]) -> None:
    client = start(thumbnail_side_px=16)
    address = client.post("/search/text", json={"query": "red"}).json()["results"][0]["thumbnail_url"]
    answer = client.get(address)
    assert answer.headers["content-type"] == "image/webp"
    assert "max-age" in answer.headers["cache-control"]
    assert answer.headers["etag"].endswith(f'-{DECODER_REVISION}"')
    assert Image.open(io.BytesIO(answer.content)).size == (16, 11)
    assert client.get(address).content == answer.content
    for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
        assert client.get(address, headers={"If-None-Match": known}).status_code == 304


def test_an_original_is_the_file_itself_whole_or_in_part(
    client: TestClient, entries: dict[str, Any], pictures: Path
) -> None:
    address = entries["green"]["file_url"]
    content = (pictures / "green.jpg").read_bytes()
    answer = client.get(address)
    assert answer.content == content
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    part = client.get(address, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, content[2:6])
    assert client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert_problem(client.get(address, headers={"Range": f"bytes={len(content)}-"}), 416)
    assert_problem(client.get(address, headers={"Range": "lines=1-2"}), 400)


def test_a_photograph_is_served_with_its_metadata_and_after_an_edit_of_them(
    start: Callable[..., TestClient], tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    save_colours(folder, ["red", "green"])  # the second one is a JPEG
    index(tmp_path / "edited", "edited", folder)
    client = start(data_dir=tmp_path / "edited")
    image_id = client.post("/search/text", json={"query": "green"}).json()["results"][0]["id"]
    assert client.get(f"/images/{image_id}/thumbnail").status_code == 200
    assert client.get(f"/explain?image_id={image_id}&query=green").status_code == 200
    content = (folder / "green.jpg").read_bytes()
    comment = b"\xff\xfe\x00\x07grass"
    (folder / "green.jpg").write_bytes(content[:2] + comment + content[2:])
    assert client.get(f"/explain?image_id={image_id}&query=green+grass").status_code == 200
    (folder / "green.jpg").write_bytes((folder / "red.png").read_bytes())
    assert_problem(client.get(f"/explain?image_id={image_id}&query=green+red"), 404, "index again")


@pytest.mark.parametrize("kind", ["", "/thumbnail", "/file"])
def test_what_is_no_id_of_the_collection_is_not_found(client: TestClient, kind: str) -> None:
    for name in ("0" * 32, "red.png", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "a'--"):
        assert_problem(client.get(f"/images/{name}{kind}"), 404)
    assert_problem(client.get(f"/images/{'0' * 32}{kind}?collection=sounds"), 404, "sounds")


def test_a_file_that_became_a_link_out_of_the_collection_is_not_served(
    start: Callable[..., TestClient], tmp_path: Path
) -> None:
    save_colours(tmp_path / "pictures", ["red"])
    index(tmp_path / "linked", "linked", tmp_path / "pictures")
    picture, outside = tmp_path / "pictures" / "red.png", tmp_path / "outside.png"
    picture.rename(outside)
    picture.symlink_to(outside)
    client = start(data_dir=tmp_path / "linked")
    image_id = client.post("/search/text", json={"query": "red"}).json()["results"][0]["id"]
    for kind in ("thumbnail", "file"):
        assert_problem(client.get(f"/images/{image_id}/{kind}"), 404)
    picture.unlink()
    picture.symlink_to(picture)
    assert_problem(client.get(f"/images/{image_id}/file"), 404)
    picture.unlink()
    inside = outside.rename(tmp_path / "pictures" / "moved.png")
    picture.symlink_to(inside)
    assert client.get(f"/images/{image_id}/file").content == inside.read_bytes()


def test_a_copy_inside_is_served_in_place_of_a_file_that_leads_out_or_is_gone(
    start: Callable[..., TestClient], tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    save_colours(folder, ["red"])
    for name in ("1.png", "2.png"):
        shutil.copyfile(folder / "red.png", folder / name)
    index(tmp_path / "copies", "copies", folder)
    client = start(data_dir=tmp_path / "copies")
    image_id = client.post("/search/text", json={"query": "red"}).json()["results"][0]["id"]
    content = (folder / "red.png").read_bytes()
    (tmp_path / "outside.png").write_bytes(b"secret")
    (folder / "1.png").unlink()
    (folder / "1.png").symlink_to(tmp_path / "outside.png")
    (folder / "2.png").unlink()
    assert client.get(f"/images/{image_id}/file").content == content
    assert client.get(f"/images/{image_id}/thumbnail").status_code == 200


def test_an_original_of_another_storage_is_read_checked_and_served_whole(
    start: Callable[..., TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"memory://photos/red.png": png("red"), "memory://photos/blue.png": png("blue")}
    monkeypatch.setitem(SOURCES, "memory", lambda roots: MemorySource(roots, files))
    index(tmp_path / "far", "far", "memory://photos")
    client = start(data_dir=tmp_path / "far")
    ids = [result["id"] for result in client.post("/search/text", json={"query": "red"}).json()["results"]]
    answer = client.get(f"/images/{ids[0]}/file", headers={"Range": "bytes=2-5"})
    assert (answer.status_code, answer.content) == (200, files["memory://photos/red.png"])
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/png", "private, no-cache")
    known = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"/images/{ids[0]}/file", headers=known).status_code == 304
    assert client.get(f"/images/{ids[1]}/file", headers=known).status_code == 200
    assert Image.open(io.BytesIO(client.get(f"/images/{ids[0]}/thumbnail").content)).size == (20, 10)
    files["memory://photos/red.png"] = png("green")
    del files["memory://photos/blue.png"]
    for image_id in ids:
        assert_problem(client.get(f"/images/{image_id}/file"), 404, "index again")


def test_an_original_in_object_storage_is_served_and_503_while_that_is_away(
    start: Callable[..., TestClient], tmp_path: Path, object_storage: Any
) -> None:
    object_storage.put("photos", {"red.png": png("red"), "blue.png": png("blue")})
    index(tmp_path / "far", "far", "s3://photos")
    client = start(data_dir=tmp_path / "far")
    found = client.post("/search/text", json={"query": "red"}).json()["results"]
    assert client.get(f"/images/{found[0]['id']}/file").content == png("red")
    assert Image.open(io.BytesIO(client.get(found[0]["thumbnail_url"]).content)).size == (20, 10)
    object_storage.kill()
    try:
        for address in (f"/images/{found[0]['id']}/file", found[1]["thumbnail_url"]):
            answer = client.get(address)
            assert_problem(answer, 503, "The storage of the photographs does not answer at the moment; ask again.")
            assert "retry-after" in answer.headers
    finally:
        object_storage.start()
    object_storage.put("photos", {"red.png": png("red")})
    assert client.get(f"/images/{found[0]['id']}/file").content == png("red")
    assert_problem(client.get(f"/images/{found[1]['id']}/file"), 404, "index again")


def test_an_original_in_a_tar_file_is_served(start: Callable[..., TestClient], tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "one.tar", "w") as archive:
        for name in ("red", "blue"):
            entry = tarfile.TarInfo(f"{name}.png")
            entry.size = len(png(name))
            archive.addfile(entry, io.BytesIO(png(name)))
    index(tmp_path / "far", "far", f"wds://{tmp_path}/shards")
    client = start(data_dir=tmp_path / "far")
    found = client.post("/search/text", json={"query": "red"}).json()["results"]
    assert [result["path"] for result in found] == ["one.tar/red.png", "one.tar/blue.png"]
    assert [client.get(f"/images/{result['id']}/file").content for result in found] == [png("red"), png("blue")]
    assert Image.open(io.BytesIO(client.get(found[1]["thumbnail_url"]).content)).size == (20, 10)
    (tmp_path / "shards" / "one.tar").unlink()
    assert_problem(client.get(f"/images/{found[0]['id']}/file"), 404, "index again")


def test_a_file_is_saved_under_its_own_name(client: TestClient) -> None:
    found = client.post("/search/text", json={"query": "red", "k": 1}).json()["results"][0]
    answer = client.get(f"/images/{found['image_id']}/file")
    assert answer.headers["content-disposition"] == f'inline; filename="{found["metadata"]["name"]}"'


def test_originals_of_every_format_have_their_media_type(start: Callable[..., TestClient], tmp_path: Path) -> None:
    assert set(SUFFIXES) <= set(MEDIA_TYPES)
    kinds = {"mpo": "image/jpeg", "jfif": "image/jpeg", "tif": "image/tiff", "bmp": "image/bmp", "avif": "image/avif"}
    (tmp_path / "pictures").mkdir()
    for number, suffix in enumerate(kinds):
        file_format = {"jfif": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
        Image.new("RGB", (40, 30), (40 * number, 9, 9)).save(tmp_path / "pictures" / f"a.{suffix}", file_format)
    index(tmp_path / "formats", "formats", tmp_path / "pictures")
    client = start(data_dir=tmp_path / "formats")
    results = client.post("/search/text", json={"query": "red"}).json()["results"]
    served = {
        result["metadata"]["name"].partition(".")[2]: client.get(f"/images/{result['id']}/file") for result in results
    }
    assert {suffix: answer.headers["content-type"] for suffix, answer in served.items()} == kinds
