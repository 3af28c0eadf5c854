"""Matchers over a frozen backbone: however many there are, an image passes through the backbone once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.cards import MatcherCard
from models.imaging.transforms import fit_square
from models.inference.batches import image_batches
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.matchers.source import Score, VectorHead
from models.types import Features, Pixels


class CompiledHead:
    """A compiled head, ``(N, C)`` to ``(N, *feature_shape)``; it is compiled when an image comes."""

    def __init__(self, load: Callable[[], Runner], card: MatcherCard) -> None:
        self._load, self._shape = load, card.feature_shape

    @cached_property
    def _run(self) -> Runner:
        return self._load()

    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        """Run the head."""
        return self._run(vectors).astype(np.float16).reshape(-1, *self._shape)


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
        compiler: compiles the backbone.
    """

    def __init__(self, card: MatcherCard, head: VectorHead, score: Score, compiler: Compiler) -> None:
        self.card = card
        self._head, self._score, self._compiler = head, score, compiler

    @cached_property
    def _pass(self) -> FrozenPass:
        return load_frozen_pass([(self.card, self._head)], self._compiler)

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


def load_frozen_pass(heads: Sequence[tuple[MatcherCard, VectorHead]], compiler: Compiler) -> FrozenPass:
    """Load the backbone that all these matchers (at least one) stand on.

    Raises:
        CheckpointError: its weights are missing, damaged, or others than a card expects.
    """
    name, sha256 = backbone_of(heads[0][0])

    def means() -> Graph:
        from models.backbones.frozen import mean_graph

        return mean_graph(name, sha256)

    return FrozenPass(compiler.runner(f"{name}.means", [sha256], means), heads)
