"""What a matcher alone is worth: its scores of all pairs, both ways, as for encoders."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_library import ToyLibrary
from toy_matcher import NAME, ToyMatcher
from typer.testing import CliRunner

import models.library
import models.shipped
from lab.data.captioned import CaptionedImages
from lab.evaluation.cli import app
from lab.evaluation.matched import MatchedSet
from lab.evaluation.pairwise import evaluate_pairwise
from lab.evaluation.retrieval import evaluate_score_retrieval, score_retrieval_ranks
from models.types import Features

RANDOM = np.random.default_rng(8)


class Drawn(ToyMatcher):
    """Scores as they were drawn; the features are the numbers of the images."""

    def __init__(self, scores: np.ndarray) -> None:
        super().__init__()
        self.table = scores

    def score(self, text: str, features: Features) -> np.ndarray:
        return self.table[int(text), features[:, 0].astype(int)]


@pytest.fixture
def matched() -> MatchedSet:
    """12 images with two captions each."""
    names = tuple(Path(f"{image}.jpg") for image in range(12))
    captions = tuple((str(2 * image), str(2 * image + 1)) for image in range(12))
    scores = RANDOM.normal(size=(24, 12)).astype(np.float32)
    return MatchedSet(
        Drawn(scores), CaptionedImages("drawn", names, captions), np.arange(12, dtype=np.float16)[:, None]
    )


def test_scores_are_of_every_caption_with_every_image(matched: MatchedSet) -> None:
    told: list[tuple[int, int]] = []
    scores = matched.scores(lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(scores, matched.matcher.table)  # type: ignore[attr-defined]
    assert told[-1] == (24, 24)


def test_pairs_are_scored_in_the_order_of_their_drawing_whatever_the_lengths_of_their_sentences(
    matched: MatchedSet,
) -> None:
    captions, images = RANDOM.integers(24, size=300), RANDOM.integers(12, size=(300, 3))
    table = matched.matcher.table  # type: ignore[attr-defined]
    np.testing.assert_array_equal(matched.pair_scores(captions, images), table[captions[:, None], images])


def test_ranks_both_ways_are_those_of_sorted_lists(matched: MatchedSet) -> None:
    scores, own = matched.scores(), matched.image_of_caption
    to_image = [sorted(range(12), key=lambda i: -scores[c, i]).index(own[c]) + 1 for c in range(24)]
    to_text = []
    for image in range(12):
        others = [scores[c, image] for c in range(24) if own[c] != image]
        best = max(scores[c, image] for c in range(24) if own[c] == image)
        to_text.append(1 + sum(score > best for score in others))
    summaries = score_retrieval_ranks(scores, own)
    for ranks, summary in zip((to_image, to_text), summaries, strict=True):
        assert summary.mean_rank == pytest.approx(np.mean(ranks))
        assert summary.recall[5] == pytest.approx(np.mean(np.array(ranks) <= 5))
    figures = evaluate_score_retrieval(scores, own)
    assert figures["text_to_image"]["median_rank"] == np.median(to_image)
    assert set(figures["image_to_text"]) == {"r@1", "r@5", "r@10", "median_rank", "mean_rank", "intervals"}


def test_pairwise_accuracy_is_near_the_share_of_all_pairs(matched: MatchedSet) -> None:
    scores, own = matched.scores(), matched.image_of_caption
    wins = [scores[c, own[c]] > scores[c, i] for c in range(24) for i in range(12) if i != own[c]]
    figures = evaluate_pairwise(matched, samples=3000, seed=2)
    assert figures["accuracy"] == pytest.approx(np.mean(wins), abs=0.04)


@pytest.mark.parametrize("command", ["retrieval", "pairwise"])
def test_the_commands_measure_matchers_too(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, :4, 0], picture[:, 4:, 2] = 255, 255
    Image.fromarray(picture).save(tmp_path / "two.png")
    Image.new("RGB", (8, 8), (0, 255, 0)).save(tmp_path / "green.png")
    (tmp_path / "token.txt").write_text("two.png#0\tred blue\ngreen.png#0\tgreen\n")
    monkeypatch.setattr(models.shipped, "matcher_cards", lambda: (ToyMatcher().card,))
    monkeypatch.setattr(models.library, "InstalledModels", lambda *_arguments, **_options: ToyLibrary())
    arguments = ["--images", tmp_path, "--captions", tmp_path / "token.txt", "--output", tmp_path / "out.json"]
    result = CliRunner().invoke(app, [command, *map(str, arguments), "--model", NAME])
    assert result.exit_code == 0, result.output
    assert f"{NAME}: 2 images, 2 captions" in result.output
    figures = json.loads((tmp_path / "out.json").read_text())
    if command == "retrieval":
        assert (figures["text_to_image"]["r@1"], figures["image_to_text"]["r@1"]) == (1, 1)
    else:
        assert (figures["accuracy"], figures["samples"]) == (1, 6400)
