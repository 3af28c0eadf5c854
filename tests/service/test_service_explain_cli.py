"""``semblance explain``: why a photograph matches, without a server."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_library import ToyLibrary
from toy_matcher import NAME, ToyMatcher
from typer.testing import CliRunner

import service.offline
import service.offline_explain
from indexer.ingest.request import IndexRequest
from models.imaging.decode_pool import DecoderPool
from models.imaging.overlay import AGAINST, FOR
from service.cli import app


@pytest.fixture(autouse=True)
def toy_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (service.offline, service.offline_explain):
        monkeypatch.setattr(module, "InstalledModels", lambda *_arguments, **_options: ToyLibrary())


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A photograph, red on the left and blue on the right."""
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :20, 0] = pixels[:, 20:, 2] = 255
    path = tmp_path / "halves.png"
    Image.fromarray(pixels).save(path)
    return path


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_a_file_is_explained_and_painted(halves: Path, tmp_path: Path) -> None:
    output = tmp_path / "map.png"
    code, told, errors = run("explain", halves, "red -blue", "--output", output, "--data-dir", tmp_path)
    assert (code, errors) == (0, "")
    assert "by grad-cam" in told
    parts = [line.split()[1] for line in told.splitlines() if line.startswith(("  +", "  -"))]
    assert parts == ["red", "-blue"]
    picture = np.asarray(Image.open(io.BytesIO(output.read_bytes()))).astype(int)
    np.testing.assert_allclose(picture[20, 2], 0.3 * np.array([255, 0, 0]) + 0.7 * np.array(FOR), atol=2)
    against = picture[20, 37] - np.array([0, 0, 255])
    assert np.sign(against).tolist() == np.sign(np.array(AGAINST) - [0, 0, 255]).tolist()


def test_a_photograph_is_decoded_once(halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, decoded = DecoderPool.decode, []
    monkeypatch.setattr(DecoderPool, "decode", lambda *given, **how: decoded.append(how) or decode(*given, **how))
    assert run("explain", halves, "red", "--output", tmp_path / "map.png", "--data-dir", tmp_path)[0] == 0
    assert len(decoded) == 1


def test_an_image_of_a_collection_has_the_score_of_a_search(data_dir: Path) -> None:
    found = json.loads(run("search", "colours", "red", "-k", "1", "--json", "--data-dir", data_dir)[1])
    code, told, _ = run("explain", found["id"], "red", "-c", "colours", "--data-dir", data_dir)
    assert code == 0
    assert told.splitlines()[0] == f"score {found['score']:.4f} by grad-cam"


def told_parts(told: str) -> dict[str, float]:
    lines = [line for line in told.splitlines() if line.startswith(("  +", "  -"))]
    return {term: float(value) for value, term in (line.split(maxsplit=1) for line in lines)}


def test_a_re_ranked_score_is_explained_as_the_search_showed_it(halves: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    index_with(IndexRequest(data, "one", (halves.parent,)), [ToyEncoder()], [ToyMatcher()])
    query = ("red blue", "--rerank", NAME, "--data-dir", data)
    found = json.loads(run("search", *query, "--json")[1])
    code, told, _ = run("explain", found["id"], *query)
    assert code == 0
    assert told.splitlines()[0] == f"score {found['score']:.4f} by grad-cam"
    parts = {part["term"]: part["value"] for part in found["contributions"]}
    assert f"rerank: {NAME}" in parts
    assert told_parts(told) == pytest.approx(parts, abs=1e-4)
    assert f"rerank: {NAME}" not in run("explain", found["id"], "red blue", "--data-dir", data)[1]


def test_a_caption_is_explained_by_its_words_and_by_the_image_that_was_searched_by(
    data_dir: Path, halves: Path, tmp_path: Path
) -> None:
    of = ("-c", "colours", "--target", "text", "--data-dir", data_dir)
    found = json.loads(run("search", "magenta", "-k", "1", "--json", *of)[1])
    code, told, _ = run("explain", found["id"], "magenta", *of)
    assert code == 0
    assert told.splitlines()[0] == f"score {found['score']:.4f} by grad-cam"
    assert "the caption's words: a " in told

    by_image, output = ("--image", halves, *of), tmp_path / "map.png"
    found = json.loads(run("search", "-k", "1", "--json", *by_image)[1])
    code, told, _ = run("explain", found["id"], "--output", output, *by_image)
    assert code == 0
    assert told.splitlines()[0] == f"score {found['score']:.4f} by grad-cam"
    assert Image.open(io.BytesIO(output.read_bytes())).size == (40, 40)


def test_an_image_is_explained_by_the_image_that_was_searched_by(data_dir: Path, halves: Path) -> None:
    query = ("--image", halves, "--modifier", "+red", "--data-dir", data_dir)
    found = json.loads(run("search", "-c", "colours", "-k", "1", "--json", *query)[1])
    code, told, _ = run("explain", found["id"], "-c", "colours", *query)
    assert code == 0
    assert told.splitlines()[0] == f"score {found['score']:.4f} by grad-cam"
    assert told_parts(told) == pytest.approx({part["term"]: part["value"] for part in found["contributions"]}, abs=1e-4)


def test_what_speaks_against_a_picture_is_said(halves: Path, tmp_path: Path) -> None:
    output = tmp_path / "map.png"
    code, told, _ = run("explain", "--modifier=-blue", "--output", output, "--", halves, "-red")
    assert code == 0
    assert "nothing in this picture speaks for the query" in told
    assert told.splitlines()[-1] == f"nothing is painted on it: {output}"


def test_what_is_wrong_is_told_in_one_line(data_dir: Path, halves: Path, tmp_path: Path) -> None:
    for arguments, wrong in (
        (("no-such-file.jpg", "red", "--data-dir", data_dir), "There is no image 'no-such-file.jpg'"),
        ((halves, "red", "--method", "guess"), "there are: grad-cam"),
        ((halves, "red", "--output", tmp_path / "no" / "map.png"), "cannot be written"),
        ((__file__, "red"), "image"),
        ((halves, "red", "--rerank", "toy-matcher"), "re-ranks the images of a collection"),
        (("no-such-caption", "red", "--target", "text", "--data-dir", data_dir), "There is no caption"),
        ((halves,), "query"),
    ):
        code, _, errors = run("explain", *arguments)
        assert code == 1
        assert wrong in errors
        assert len(errors.splitlines()) == 1
