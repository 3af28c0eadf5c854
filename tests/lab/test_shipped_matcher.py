"""Matchers over a frozen backbone train, ship and load from end to end, on a few photographs of the demonstration."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from demo_set import write_training_sets
from numpy.typing import NDArray

import lab.training.shipped_matcher
from lab.data.captioned import CaptionedImages
from lab.evaluation.matched import MatchedSet
from lab.evaluation.pairwise import evaluate_pairwise
from lab.evaluation.reranking_weight import WEIGHTS_TRIED
from lab.evaluation.retrieval import evaluate_score_retrieval
from lab.training import lstm_similarity as lstm_training
from lab.training import multimodal_cnn as cnn_training
from lab.training.frozen import frozen_vectors
from lab.training.job import Job
from lab.training.loop import PassReport
from lab.training.shipped_matcher import scores_file
from models.cards import MatcherCard, read_matcher_card
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.library import InstalledModels
from models.matchers import ensemble, lstm_similarity, multimodal_cnn
from models.matchers.source import MatcherSource


class _Silent:
    """A reporter that checks what it is told."""

    def __init__(self) -> None:
        self.passes: list[str] = []

    def features(self, part: str, done: int, total: int) -> None:
        assert 0 < done <= total

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        assert np.isfinite(loss)

    def one_pass(self, stage: str, report: PassReport) -> None:
        self.passes.append(f"{stage} {report.number}")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captioned sets beside a folder of work, whose features all models share."""
    return write_training_sets(tmp_path_factory.mktemp("sets"))


def first_scores(_job: Job, _library: object, data: CaptionedImages) -> NDArray[np.float32]:
    """Return made-up scores of a dual encoder, the same for the same set, and near one another."""
    seed = len(data.name)
    return np.random.default_rng(seed).normal(scale=0.01, size=(len(data.flat_captions()[0]), len(data))).astype("f")


@pytest.fixture(autouse=True)
def quick_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take made-up scores of the dual encoder, and few random pairs; both are tested elsewhere."""
    few = partial(evaluate_pairwise, samples=100)
    monkeypatch.setattr(lab.training.shipped_matcher, "evaluate_pairwise", few)
    monkeypatch.setattr(lab.training.shipped_matcher, "_first_scores", first_scores)


def recall_by_sorting(job: Job, card: MatcherCard, weight: float) -> float:
    """Return the mean of R@1, R@5 and R@10 on dev by the sum of both scores; all four images are re-ranked."""
    found = []
    for data in job.load("flickr8k-dev", "coco-dev"):
        fused = first_scores(job, None, data) + weight * np.load(scores_file(job.work_root, card, data.name))
        owners = data.flat_captions()[1]
        ranks = [
            sorted(range(len(data)), key=lambda i: -row[i]).index(own) for row, own in zip(fused, owners, strict=True)
        ]
        found.append(np.mean([np.mean(np.array(ranks) < cutoff) for cutoff in (1, 5, 10)]))
    return float(np.mean(found))


def _check(card: MatcherCard, job: Job, architecture: object, *shape: int) -> None:
    folder = job.output
    assert card == read_matcher_card(folder)
    assert card.encoder == "semblance-base"
    assert set(card.quality) == {"flickr8k-dev", "coco-dev"}
    assert set(card.quality["coco-dev"]) == {"text_to_image", "image_to_text", "pairwise"}
    assert set(card.parts) == {"imagenet-lite", "word-vectors"}
    recalls = [recall_by_sorting(job, card, weight) for weight in WEIGHTS_TRIED]
    assert card.weight == WEIGHTS_TRIED[recalls.index(max(recalls))]
    before_and_after = [recall_by_sorting(job, card, 0.0), max(recalls)]
    assert card.training["dev_mean_recall_before_and_after_reranking"] == pytest.approx(before_and_after)
    matcher = architecture.load_matcher(MatcherSource(card, folder, Compiler(Execution("torch")), InstalledModels()))  # type: ignore[attr-defined]
    pixels = np.random.default_rng(1).integers(0, 256, (2, 260, 260, 3), dtype=np.uint8)
    features = matcher.encode_images(pixels)
    assert (features.shape, features.dtype) == ((2, *shape), np.float16)
    for text in ("a red flower", "", "two dogs run over the beach and " * 9):
        scores = matcher.score(text, features)
        assert scores.shape == (2,)
        assert np.isfinite(scores).all()
    assert matcher.score("a dog", features[:0]).shape == (0,)


@pytest.mark.slow
def test_multimodal_cnn(sets: Path, tmp_path: Path) -> None:
    reporter = _Silent()
    job = Job("mcnn-phrase-short", sets, sets / "work", tmp_path / "out", reporter)
    recipe = cnn_training.Recipe(
        views=1, batch=4, contrast_passes=4, ranking_passes=1, dev_every=2, word_dropout=0.1, hardest=2
    )
    card = cnn_training.ship(job, recipe)
    assert reporter.passes == ["contrast 1", "contrast 2", "ranking 1"]
    assert card.options == {"backbone": "imagenet-lite", "merge": "phrase-short"}
    _check(card, job, multimodal_cnn, 256)


def test_lstm_similarity(sets: Path, tmp_path: Path) -> None:
    job = Job("lstm-similarity", sets, sets / "work", tmp_path / "out", _Silent())
    recipe = replace(lstm_training.Recipe(), views=1, iterations=6, iterations_a_pass=3, batch=4, dev_samples=20)
    _check(lstm_training.ship(job, recipe), job, lstm_similarity, 300)


@pytest.mark.slow
def test_the_ensemble_of_what_ships(sets: Path, tmp_path: Path) -> None:
    job = Job("mcnn-ensemble", sets, sets / "work", tmp_path / "out", _Silent())
    card = cnn_training.ship_ensemble(job, cnn_training.EnsembleRecipe(images=3))
    assert card.options["members"] == ["mcnn-word", "mcnn-phrase-short", "mcnn-phrase-long", "mcnn-sentence"]
    _check(card, job, ensemble, 4, 256)
    # what was added up of the members' kept scores is what the ensemble scores
    source = MatcherSource(card, tmp_path / "out", members=InstalledModels())
    matcher = ensemble.load_matcher(source)
    (data,) = job.load("coco-dev")
    features = ensemble.load_vector_head(source)(frozen_vectors(job, data).astype(np.float32))
    matched = MatchedSet(matcher, data, features)
    expected = evaluate_score_retrieval(matched.scores(), matched.image_of_caption)
    assert card.quality["coco-dev"]["text_to_image"] == expected["text_to_image"]
