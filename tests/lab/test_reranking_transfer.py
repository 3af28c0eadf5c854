"""A matcher's weight is fitted on one set and told of the other, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_library import ToyLibrary
from toy_matcher import NAME, ToyMatcher
from typer.testing import CliRunner

import models.library
from lab.data.captioned import CaptionedImages
from lab.evaluation.cli import app
from lab.evaluation.matched import MatchedSet
from lab.evaluation.reranking_transfer import ScoredSet, evaluate_transfer, head_scores
from lab.metrics.bootstrap import bootstrap_difference


def _set(name: str, first: list[list[float]], second: list[list[float]]) -> ScoredSet:
    return ScoredSet(name, np.array(first, np.float32), np.array(second, np.float32), np.arange(len(first)))


def test_the_weight_of_one_set_is_measured_on_the_other_both_ways() -> None:
    # in "gains" the matcher repairs the second caption from a weight of .2 on; in "loses" it spoils the first from .1
    gains = _set("gains", [[0.5, 0.0], [0.4, 0.3]], [[0.0, 0.0], [0.0, 1.0]])
    loses = _set("loses", [[0.5, 0.45], [0.0, 0.5]], [[0.0, 1.0], [0.0, 0.0]])
    there, back = evaluate_transfer([gains, loses], depth=2, weights=(0.01, 0.2))
    assert (there["fitted_on"], there["reported_on"], there["weight"]) == ("gains", "loses", 0.2)
    assert (there["text_to_image"]["r@1"], there["reranked"]["r@1"], there["r@1_gained"]) == (1.0, 0.5, -0.5)
    assert there["interval"] == [-1.0, 0.0]  # both captions drawn are the first, or both the second
    assert (back["fitted_on"], back["weight"], back["r@1_gained"]) == ("loses", 0.01, 0.0)


def test_the_matcher_scores_no_more_images_than_are_re_ranked() -> None:
    files = tuple(Path(f"{name}.png") for name in ("red", "blue", "both"))
    data = CaptionedImages("three", files, (("red",), ("blue",), ("red blue",)))
    red, blue = [1, 0, 0], [0, 0, 1]
    features = np.array([[red] * 4, [blue] * 4, [red, red, blue, blue]], np.float16)
    matched = MatchedSet(ToyMatcher(), data, features)
    first = np.array([[0.9, 0.1, 0.5], [0.1, 0.5, 0.5], [0.3, 0.2, 0.1]], np.float32)
    found = head_scores(matched, first, depth=2)
    np.testing.assert_allclose(found, [[1, 0, 1], [0, 1, 1], [0.5, 0.5, 0]], atol=1e-3)


def test_the_interval_of_a_difference_is_that_of_a_normal_mean() -> None:
    random = np.random.default_rng(0)
    differences = random.normal(0.3, 1, 4000)
    low, high = bootstrap_difference(differences, np.arange(4000), seed=1)
    half = 1.96 * differences.std() / np.sqrt(4000)
    np.testing.assert_allclose([low, high], [differences.mean() - half, differences.mean() + half], atol=0.004)


def test_captions_of_one_image_are_drawn_together() -> None:
    differences, image = np.tile([1.0, -1.0], 50), np.repeat(np.arange(50), 2)
    assert bootstrap_difference(differences, image, seed=1) == (0.0, 0.0)  # within each image they cancel
    low, high = bootstrap_difference(differences, np.arange(100), seed=1)
    assert low < -0.1 < 0.1 < high


def test_the_command_takes_two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        folder = tmp_path / f"set{number}"
        folder.mkdir()
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[:, :5, 0], picture[:, 5:, 2] = 255, 255
        Image.fromarray(picture).save(folder / "two.png")
        Image.new("RGB", (8, 8), (255, 0, 255)).save(folder / "magenta.png")
        (tmp_path / f"set{number}.txt").write_text("two.png#0\tred blue\nmagenta.png#0\tmagenta\n")
    monkeypatch.setattr(models.library, "InstalledModels", lambda *_arguments, **_options: ToyLibrary())
    one, other = (
        ["--images", str(tmp_path / f"set{number}"), "--captions", str(tmp_path / f"set{number}.txt")]
        for number in range(2)
    )
    output = ["--output", str(tmp_path / "out.json")]
    result = CliRunner().invoke(app, ["reranking-transfer", *one, *other, *output, "--rerank", NAME])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert [(each["fitted_on"], each["reported_on"]) for each in figures["transfers"]] == [
        ("set0", "set1"),
        ("set1", "set0"),
    ]
    assert figures["transfers"][0]["reranked"]["r@1"] == 1.0
    chosen = ["--rerank", NAME, "--weight", "0.25"]
    assert "(weight 0.25)" in CliRunner().invoke(app, ["reranking-transfer", *one, *other, *chosen]).output
    alone = CliRunner().invoke(app, ["reranking-transfer", *one, "--rerank", NAME])
    assert alone.exit_code == 2
    assert "two or more sets" in alone.output
