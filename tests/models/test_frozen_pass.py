"""Matchers over one backbone share its pass; ensembles add up their members."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_matcher import ToyMatcher, toy_card

import models.shipped
from lab.training.multimodal_cnn import pack_ensemble
from models.cards import MatcherCard
from models.errors import CheckpointError
from models.inference.torch_runtime import TorchRunner
from models.matchers import ensemble
from models.matchers.ensemble import StackedHeads, SumOfScores
from models.matchers.frozen_pass import CompiledHead, FrozenPass
from models.matchers.image_vector import ImageVector
from models.protocols import FeatureNetwork
from models.text.packed_words import pack_words


def card(name: str, *shape: int) -> MatcherCard:
    return replace(toy_card(name), feature_shape=shape)


class Means:
    """A backbone whose vector is the mean of each channel; remembers the sizes of its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        self.batches.append(len(inputs[0]))
        return inputs[0].astype(np.float32).mean(axis=(1, 2))


def test_one_pass_serves_all_heads() -> None:
    backbone, linear = Means(), torch.nn.Linear(3, 6)
    network = FrozenPass(
        backbone,
        [
            (card("a", 2, 3), CompiledHead(lambda: TorchRunner(linear), card("a", 2, 3))),
            (card("b", 3), lambda v: v.astype(np.float16)),
        ],
    )
    assert isinstance(network, FeatureNetwork)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 4, 4, 3), dtype=np.uint8)
    features = network.encode_features(pixels)
    assert backbone.batches == [32, 8]
    means = pixels.reshape(40, 16, 3).astype(float).mean(axis=1)
    np.testing.assert_allclose(features["b"], means, rtol=2e-3)
    expected = means @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(features["a"].reshape(40, 6), expected, rtol=5e-3, atol=0.2)
    empty = network.encode_features(pixels[:0])
    assert (empty["a"].shape, empty["b"].shape) == ((0, 2, 3), (0, 3))


def test_an_image_vector_is_two_layers_on_standardised_features() -> None:
    torch.manual_seed(0)
    head, features = ImageVector(4, 64, 3, dropout=0.5, noise=0.7).eval(), torch.randn(50, 4) * 3 + 2
    head.standardise_to(features)
    first, _, _, second = head.layers
    x = (features.numpy()[:1] - features.numpy().mean(axis=0)) / features.numpy().std(axis=0, ddof=1)
    hidden = np.maximum(x @ first.weight.detach().numpy().T + first.bias.detach().numpy(), 0)
    expected = hidden @ second.weight.detach().numpy().T + second.bias.detach().numpy()
    np.testing.assert_allclose(head(features[:1]).detach().numpy(), expected, atol=1e-5)
    head.train()
    assert not torch.equal(head(features[:1]), head(features[:1]))  # noise and dropout


class Constant(ToyMatcher):
    """Scores by the first number of the features, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def score(self, text: str, features: np.ndarray) -> np.ndarray:
        return (self.factor * features[:, 0]).astype(np.float32)


def test_an_ensemble_adds_its_members_scores_by_their_spreads() -> None:
    stacked = StackedHeads([lambda v: v.astype(np.float16), lambda v: (10 * v).astype(np.float16)])
    features = stacked(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
    assert features.tolist() == [[[1, 2], [10, 20]], [[3, 4], [30, 40]]]
    scores = SumOfScores([Constant(1), Constant(2)], [0.5, 4.0])("a dog", features)
    assert scores.tolist() == [1 / 0.5 + 20 / 4, 3 / 0.5 + 60 / 4]


def test_an_ensemble_knows_other_members(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [card("one", 3), card("two", 3)]
    tensors = pack_ensemble(members, [1.0, 2.0])
    assert torch.equal(tensors["members"], pack_words([f"one {'a' * 64}", f"two {'a' * 64}"]))
    monkeypatch.setattr(models.shipped, "matcher_cards", lambda: (members[0], replace(members[1], weights_sha256="b")))
    with pytest.raises(CheckpointError, match="other weights of 'two'"):
        ensemble._members(tensors, card("sum", 2, 3))
