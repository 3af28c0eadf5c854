"""Re-ranking is measured as it is searched; one pass gives what two would; the registry loads matchers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from toy_library import ToyLibrary
from toy_matcher import NAME, WEIGHT, ToyMatcher, toy_card
from typer.testing import CliRunner

import models.library
import models.shipped
from lab.checkpoint import write_checkpoint
from lab.data.captioned import CaptionedImages
from lab.evaluation.cli import app
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.reranking import evaluate_reranking, reranked_ranks
from models.cards import MatcherCard, read_matcher_card
from models.encoders.two_tower_module import DIMENSION, FeatureTower, ImageTower
from models.errors import CheckpointError, UnknownModelError
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import FeatureEncoder, Matcher
from models.shipped import encoder_cards, matcher_card, matcher_cards
from models.types import Features, Pixels


class Drawn(ToyMatcher):
    """Scores drawn by lot, a few of them equal: ``scores[text]`` has one for each image, which is its feature."""

    def __init__(self, scores: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.scores = scores

    def score(self, text: str, features: Features) -> np.ndarray:
        return self.scores[text][features[:, 0, 0].astype(int)].astype(np.float32)


@pytest.fixture
def drawn() -> tuple[EncodedSet, Drawn, Features]:
    """Nine images, two captions each, vectors and scores of few distinct values: many ties."""
    random = np.random.default_rng(3)
    names = tuple(Path(f"{number}.png") for number in range(9))
    captions = tuple((f"{number} a", f"{number} b") for number in range(9))
    images, texts = (random.integers(0, 3, (count, 2)).astype(np.float32) for count in (9, 18))
    encoded = EncodedSet("toy", CaptionedImages("drawn", names, captions), images, texts, np.arange(18) // 2)
    matcher = Drawn({text: random.integers(0, 4, 9).astype(np.float32) for pair in captions for text in pair})
    features = np.broadcast_to(np.arange(9, dtype=np.float16)[:, None, None], (9, 4, 3))
    return encoded, matcher, np.ascontiguousarray(features)


@pytest.mark.parametrize("depth", [1, 4, 9, 50])
def test_ranks_are_those_of_the_slow_way(drawn: tuple[EncodedSet, Drawn, Features], depth: int) -> None:
    encoded, matcher, features = drawn
    found = reranked_ranks(encoded, matcher, features, depth)
    for caption, text in enumerate(encoded.data.flat_captions()[0]):
        own = caption // 2
        first = [float(sum(a * b for a, b in zip(image, encoded.captions[caption], strict=True))) for image in encoded.images]  # fmt: skip  # noqa: E501
        order = sorted(range(9), key=lambda row: (-first[row], row == own))  # the own image last among equals
        before = order.index(own) + 1
        new = [first[row] + WEIGHT * float(matcher.scores[text][row]) for row in range(9)]
        head = sorted(order[:depth], key=lambda row: (-new[row], row == own))
        after = [*head, *order[depth:]].index(own) + 1
        assert (found.before[caption], found.after[caption]) == (before, after)


def test_the_figures_are_of_both_orders(drawn: tuple[EncodedSet, Drawn, Features]) -> None:
    encoded, matcher, features = drawn
    figures = evaluate_reranking(encoded, matcher, features, 4)
    ranks = reranked_ranks(encoded, matcher, features, 4)
    assert figures["text_to_image"]["r@1"] == (ranks.before == 1).mean()
    assert figures["reranked"]["text_to_image"]["mean_rank"] == ranks.after.mean()
    assert (figures["reranked"]["matcher"], figures["reranked"]["depth"]) == (NAME, 4)
    assert figures["reranked"]["ms_a_query"] > 0


def test_the_command_measures_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, :5, 0], picture[:, 5:, 2] = 255, 255
    Image.fromarray(picture).save(tmp_path / "two.png")
    Image.new("RGB", (8, 8), (255, 0, 255)).save(tmp_path / "magenta.png")
    (tmp_path / "token.txt").write_text("two.png#0\tred blue\nmagenta.png#0\tmagenta\n")
    monkeypatch.setattr(models.library, "InstalledModels", lambda *_arguments, **_options: ToyLibrary())
    arguments = ["--images", tmp_path, "--captions", tmp_path / "token.txt", "--output", tmp_path / "out.json"]
    result = CliRunner().invoke(app, ["reranking", *map(str, arguments), "--rerank", NAME])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert (figures["text_to_image"]["r@1"], figures["reranked"]["text_to_image"]["r@1"]) == (0.5, 1.0)


class Means(nn.Module):
    """Averages each feature map over its places and keeps the first channels: a head of ``(B, maps, 8)``."""

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([feature_map.mean(dim=(2, 3))[:, :8] for feature_map in maps], dim=1)


class MeansMatcher:
    """The matcher of that head, with a pass of its own."""

    def __init__(self, card: MatcherCard, tower: ImageTower) -> None:
        self.card, self._tower, self._head = card, tower, Means()

    def encode_images(self, prepared: Pixels) -> Features:
        with torch.inference_mode():
            return self._head(self._tower.maps(torch.from_numpy(prepared))).numpy().astype(np.float16)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A weights folder with ``semblance-base`` and a matcher of an architecture ``means``."""
    (tmp_path / "semblance-base").symlink_to(models.shipped._WEIGHTS / "semblance-base")
    card = {
        key: value
        for key, value in asdict(toy_card("means-of-maps", "semblance-base")).items()
        if not key.startswith("weights_")
    }
    card |= {"kind": "matcher", "architecture": "means", "feature_shape": [2, 8]}
    write_checkpoint(tmp_path / "means-of-maps", {"nothing": torch.zeros(1)}, card)
    module = ModuleType("models.matchers.means")
    module.load_feature_head = lambda _source: Means()  # type: ignore[attr-defined]
    module.load_matcher = lambda source: MeansMatcher(source.card, _tower())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models.matchers.means", module)
    monkeypatch.setattr(models.shipped, "_WEIGHTS", tmp_path)
    _forget_cards()
    yield tmp_path
    _forget_cards()


def _forget_cards() -> None:
    models.shipped.encoder_cards.cache_clear()
    models.shipped.matcher_cards.cache_clear()


def _tower() -> ImageTower:
    from models.encoders.two_tower_module import load_two_tower

    return load_two_tower(
        models.shipped.encoder_card("semblance-base"), models.shipped._WEIGHTS / "semblance-base"
    ).image


def test_matchers_and_encoders_are_told_apart(shipped: Path) -> None:
    assert [card.name for card in encoder_cards()] == ["semblance-base"]
    assert [card.name for card in matcher_cards()] == ["means-of-maps"]
    card = matcher_card("means-of-maps")
    assert card == read_matcher_card(shipped / "means-of-maps")
    assert (card.feature_shape, card.encoder, card.weight) == ((2, 8), "semblance-base", WEIGHT)
    with pytest.raises(UnknownModelError, match="'x'; there are: means-of-maps"):
        InstalledModels().matcher("x")
    with pytest.raises(UnknownModelError, match="semblance-base"):
        InstalledModels().encoder("means-of-maps")
    with pytest.raises(CheckpointError, match="semblance-base"):
        read_matcher_card(shipped / "semblance-base")


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_one_pass_gives_the_vectors_as_ever_and_the_matcher_s_features(shipped: Path, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 260, 260, 3), dtype=np.uint8)
    plain, encoder = (
        InstalledModels(Execution(runtime, "auto")).encoder("semblance-base", matchers=names)  # type: ignore[arg-type]
        for names in ([], ["means-of-maps"])
    )
    assert isinstance(encoder, FeatureEncoder)
    assert [card.name for card in encoder.matchers] == ["means-of-maps"]
    vectors, features = encoder.encode_images_with_features(pixels)
    np.testing.assert_allclose(vectors, plain.encode_images(pixels), atol=2e-3)
    matcher: Matcher = InstalledModels().matcher("means-of-maps")
    assert features["means-of-maps"].dtype == np.float16
    own = matcher.encode_images(pixels)
    tolerance = 0.01 if runtime == "torch" else 0.15  # OpenVINO may compute in bfloat16
    np.testing.assert_allclose(features["means-of-maps"].astype(float), own.astype(float), atol=tolerance)
    empty = encoder.encode_images_with_features(pixels[:0])
    assert (empty[0].shape, empty[1]["means-of-maps"].shape) == ((0, DIMENSION), (0, 2, 8))


def test_a_tower_puts_the_features_behind_the_vectors() -> None:
    torch.manual_seed(0)
    tower = ImageTower().eval()
    pixels = torch.randint(0, 256, (2, 260, 260, 3), dtype=torch.uint8)
    with torch.inference_mode():
        rows = FeatureTower(tower, [Means(), Means()]).eval()(pixels)
        np.testing.assert_allclose(rows[:, :DIMENSION], tower(pixels), atol=1e-6)
        np.testing.assert_allclose(
            rows[:, DIMENSION : DIMENSION + 16], Means()(tower.maps(pixels)).flatten(1), atol=1e-6
        )
    assert rows.shape == (2, DIMENSION + 16 + 16)
