"""Matchers over a frozen backbone: however many there are, an image passes through the backbone once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.backbones.frozen import FrozenTower, MeanOverPlaces, load_backbone
from models.cards import MatcherCard
from models.imaging.transforms import fit_square
from models.inference.batches import image_batches
from models.inference.compile import Runner, compile_module
from models.inference.execution import Execution
from models.matchers.source import Score, VectorHead
from models.types import Features, Pixels


class TorchHead:
    """A torch module as a ``VectorHead``, ``(N, C)`` to ``(N, …)``."""

    def __init__(self, module: nn.Module, card: MatcherCard) -> None:
        self._module, self._shape = module.eval(), card.feature_shape

    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        """Run the module."""
        with torch.inference_mode():
            rows: NDArray[np.float32] = self._module(torch.from_numpy(vectors)).float().numpy()
        return rows.astype(np.float16).reshape(-1, *self._shape)


class FrozenPass:
    """One pass of a frozen backbone for several matchers; a ``FeatureNetwork``.

    Args:
        vectors: ``(N, S, S, 3)`` uint8 to the backbone's vectors ``(N, C)``.
        heads: each with the card of its matcher; the cards have one preprocessing.
    """

    def __init__(self, vectors: Runner, heads: Sequence[tuple[MatcherCard, VectorHead]]) -> None:
        self._vectors, self._heads = vectors, heads
        self.matchers = tuple(card for card, _ in heads)

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the backbone's square."""
        return fit_square(pixels, self.matchers[0].preprocessing)

    def encode_features(self, prepared: Pixels) -> Mapping[str, Features]:
        """Return the features of ``(N, S, S, 3)`` uint8 by the name of their matcher."""
        parts = [self._vectors(batch) for batch in image_batches(prepared)]
        if not parts:
            return {card.name: np.empty((0, *card.feature_shape), np.float16) for card in self.matchers}
        vectors = np.concatenate(parts)
        return {card.name: head(vectors) for card, head in self._heads}


class FrozenMatcher:
    """A matcher over a frozen backbone; a ``Matcher``.

    The backbone is loaded when an image comes: a service never needs it, for images were indexed before.

    Args:
        card: of the matcher.
        head: makes its features.
        score: scores them with a sentence.
        execution: how the backbone runs.
    """

    def __init__(self, card: MatcherCard, head: VectorHead, score: Score, execution: Execution) -> None:
        self.card = card
        self._head, self._score, self._execution = head, score, execution

    @cached_property
    def _pass(self) -> FrozenPass:
        return load_frozen_pass([(self.card, self._head)], self._execution)

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the backbone's square."""
        return fit_square(pixels, self.card.preprocessing)

    def encode_images(self, prepared: Pixels) -> Features:
        """Return the features of ``(N, S, S, 3)`` uint8."""
        return self._pass.encode_features(prepared)[self.card.name]

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score one sentence against M images, ``(M,)``."""
        return self._score(text, features)

    def score_pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score S sentences against K images each, ``(S, K)``."""
        return self._score.pairs(texts, features)


def backbone_of(card: MatcherCard) -> tuple[str, str]:
    """Return name and SHA-256 of the frozen backbone that a matcher stands on."""
    name = card.options["backbone"]
    return name, card.parts[name]


def load_frozen_pass(heads: Sequence[tuple[MatcherCard, VectorHead]], execution: Execution) -> FrozenPass:
    """Load and compile the backbone that all these matchers (at least one) stand on.

    Raises:
        CheckpointError: its weights are missing, damaged, or others than a card expects.
    """
    name, sha256 = backbone_of(heads[0][0])
    backbone = load_backbone(name, sha256)
    size = backbone.preprocessing.size
    example = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    tower = FrozenTower(backbone, MeanOverPlaces()).eval()
    return FrozenPass(compile_module(tower, [example], [(0,)], execution), heads)
