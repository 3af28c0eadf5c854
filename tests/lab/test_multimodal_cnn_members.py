"""The m-CNNs train one after another and are ranked with, alone and together; what is trained is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from demo_set import write_training_sets

from lab.training.job import Job
from lab.training.multimodal_cnn_members import main
from lab.training.multimodal_cnn_scores import ScoredPairs
from lab.training.multimodal_cnn_training import Recipe, TrainingPairs, trained_network
from lab.training.reporter import Reporter
from lab.training.trained import trained_file
from models.errors import InputError
from models.matchers.multimodal_cnn_module import MAX_WORDS
from models.text.word_vectors import load_word_vectors

SETTINGS = ["views=1", "batch=4", "contrast_passes=2", "ranking_passes=1", "dev_every=1"]


class _UntrainedError(Exception):
    """Raised where a training would begin."""


def _no_training() -> TrainingPairs:
    raise _UntrainedError


@pytest.mark.slow
def test_members_are_trained_once_and_ranked_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = write_training_sets(tmp_path)
    monkeypatch.setenv("SEMBLANCE_TRAINING_DATA", str(sets))
    work = tmp_path / "work"
    main(["phrase-long", "sentence", "--device", "cpu", "--work", str(work), *(f"--set={one}" for one in SETTINGS)])
    figures = json.loads((work / "mcnn-dev.json").read_text())
    assert set(figures) == {"recipe", "phrase-long", "sentence", "ensemble"}
    for name in ("sentence", "ensemble"):
        assert set(figures[name]) >= {"flickr8k-dev", "coco-dev"}
        assert 0 <= figures[name]["coco-dev"]["image_to_text"]["r@1"] <= 1
    assert "ensemble, flickr8k-dev: image_to_text" in capsys.readouterr().out

    recipe = Recipe(views=1, batch=4, contrast_passes=2, ranking_passes=1, dev_every=1)
    job = Job("mcnn-sentence", sets, work, tmp_path / "out", reporter=_Silent())
    assert trained_file(job, recipe).stat().st_size < 16e6
    network, found = trained_network(job, recipe, _no_training)
    assert found.made == {"device": "cpu"}
    with pytest.raises(_UntrainedError):
        trained_network(job, Recipe(seed=2), _no_training)
    # all pairs at once are what each caption scores by itself
    pairs = ScoredPairs(job, "flickr8k-dev")
    scores = pairs.scores(network)
    (data,) = job.load("flickr8k-dev")
    text = data.flat_captions()[0][3]
    numbers, mask = (
        torch.from_numpy(one) for one in load_word_vectors().vocabulary.encode([text], max_words=MAX_WORDS)
    )
    with torch.inference_mode():
        alone = network.matching(numbers, mask, network.image_vector(pairs._vectors))
    np.testing.assert_allclose(scores[3], alone[0], rtol=1e-4, atol=1e-4)


def test_passes_that_are_not_whole_between_two_measurements_are_refused(tmp_path: Path) -> None:
    sets = write_training_sets(tmp_path)
    job = Job("mcnn-sentence", sets, tmp_path / "work", tmp_path / "out", reporter=_Silent())
    recipe = Recipe(views=1, batch=4, contrast_passes=7, ranking_passes=0)
    with pytest.raises(InputError, match="contrast_passes=7 is no multiple of dev_every=5"):
        trained_network(job, recipe, lambda: TrainingPairs(job, recipe))


class _Silent(Reporter):
    def features(self, part: str, done: int, total: int) -> None:
        pass

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        pass

    def one_pass(self, stage: str, report: object) -> None:
        pass
