"""Loads ``late-interaction`` and scores by it (see ``models.matchers.late_interaction_module``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cards import MatcherCard
from models.imaging.transforms import fit_square
from models.inference.batches import image_batches
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.matchers.source import MatcherSource
from models.shipped import encoder_card
from models.text.tokeniser import Tokeniser, load_minilm_tokeniser
from models.types import Features, Pixels


class LateInteractionMatcher:
    """The trained matcher, run by a runtime.

    Args:
        card: of the matcher.
        regions: loads ``(N, S, S, 3)`` uint8 to ``(N, 25 * 128)``, when an image comes: a service never needs it, for
            images were indexed before.
        tokens: the tokeniser's arrays to ``(N, T, 129)``.
        tokenise: sentences to arrays.
    """

    def __init__(self, card: MatcherCard, regions: Callable[[], Runner], tokens: Runner, tokenise: Tokeniser) -> None:
        self.card = card
        self._load_regions, self._tokens, self._tokenise = regions, tokens, tokenise

    @cached_property
    def _regions(self) -> Runner:
        return self._load_regions()

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the square."""
        return fit_square(pixels, self.card.preprocessing)

    def encode_images(self, prepared: Pixels) -> Features:
        """Return the regions of ``(N, S, S, 3)`` uint8, ``(N, 25, 128)`` float16."""
        rows = [self._regions(batch) for batch in image_batches(prepared)]
        flat = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
        return flat.astype(np.float16).reshape(-1, *self.card.feature_shape)

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score one sentence against M images, ``(M,)``."""
        return _interact(self.tokens(text), features)

    def tokens(self, text: str) -> NDArray[np.float32]:
        """Return the words of a sentence as the score takes them: unit vectors, their shares behind, ``(T, 129)``."""
        tokens: NDArray[np.float32] = self._tokens(*self._tokenise([text]))[0]
        return tokens

    def score_pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score S sentences against K images each, ``(S, K)``; the words that pad a sentence have no share."""
        tokens = self._tokens(*self._tokenise(texts))
        return np.stack([_interact(words, regions) for words, regions in zip(tokens, features, strict=True)])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the regions."""
        side = math.isqrt(self.card.feature_shape[0])
        return side, side

    def region_scores(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Return what each region gives to S scores, ``(S, 5, 5)``; of a word, its best region has all."""
        tokens, regions = self._tokens(*self._tokenise(texts)), features.astype(np.float32)
        return np.stack([_by_region(words, regions) for words in tokens]).reshape(-1, *self.grid)


def _interact(tokens: NDArray[np.float32], features: Features) -> NDArray[np.float32]:
    """Score one sentence ``(T, 129)`` against images ``(M, 25, 128)``, ``(M,)``."""
    images, regions, dimension = features.shape
    flat = features.reshape(-1, dimension).astype(np.float32)
    cosines = (flat @ tokens[:, :-1].T).reshape(images, regions, len(tokens))
    scores: NDArray[np.float32] = cosines.max(axis=1) @ tokens[:, -1]
    return scores


def _by_region(tokens: NDArray[np.float32], regions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each of R regions ``(R, 128)`` gives to the score of a sentence ``(T, 129)``, ``(R,)``."""
    cosines = regions @ tokens[:, :-1].T
    given = np.bincount(cosines.argmax(axis=0), cosines.max(axis=0) * tokens[:, -1], minlength=len(regions))
    return given.astype(np.float32)


def load_feature_head(source: MatcherSource) -> Any:
    """Load the module that makes regions of the encoder's feature maps; raises as ``load_matcher``."""
    from models.matchers.late_interaction_module import load_heads

    return load_heads(source.card, source.folder).image


def load_matcher(source: MatcherSource) -> LateInteractionMatcher:
    """Load the heads on the encoder's towers.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    card, compiler = source.card, source.compiler
    made_of = [*card.made_of, *encoder_card(card.encoder).made_of]

    def regions() -> Graph:
        from models.matchers.late_interaction_module import region_graph

        return region_graph(card, source.folder)

    def tokens() -> Graph:
        from models.matchers.late_interaction_module import token_graph

        return token_graph(card, source.folder)

    return LateInteractionMatcher(
        card,
        lambda: compiler.runner(f"{card.name}.regions", made_of, regions),
        compiler.runner(f"{card.name}.tokens", made_of, tokens),
        load_minilm_tokeniser(),
    )
