r"""Token-to-region late interaction: each token is scored by the region of the photograph that it fits best.

.. math:: m(\text{sentence}, x) = \sum_i a_i \max_j \langle t_i, r_j \rangle, \qquad \sum_i a_i = 1

over the sentence's tokens and the photograph's regions, both on one unit sphere (Khattab and Zaharia 2020, "ColBERT";
Yao et al. 2022, "FILIP", for images); the weights :math:`a_i` of the tokens are learned; those of articles are small.
The tokens come from the dual encoder's own sentence encoder, the regions from its own feature maps, in the same pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES, INPUT
from models.cards import MatcherCard
from models.checkpoint import load_into, read_weights
from models.encoders.two_tower import ImageTower, TextTower, load_two_tower
from models.imaging.transforms import fit_square
from models.inference.batches import image_batches
from models.inference.compile import Runner, compile_module
from models.matchers.source import MatcherSource
from models.shipped import encoder_card, weights_folder
from models.text.minilm import MAX_TOKENS, SENTENCE, TOKENISER
from models.text.tokeniser import Tokeniser
from models.types import Features, Pixels

GRID = 5
"""Regions a side."""
DIMENSION = 128
FEATURE_SHAPE = (GRID * GRID, DIMENSION)


class RegionHead(nn.Module):
    """Feature maps ``(B, 1280, h, w)`` of each backbone to regions ``(B, 25, 128)``, unit length."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(FEATURES)
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(FEATURES, DIMENSION)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Pool to a grid and project."""
        return self.regions(pool_regions(maps))

    def regions(self, pooled: Tensor) -> Tensor:
        """Project ``(B, 25, 2560)``."""
        flat = self.norm(pooled.flatten(0, 1))
        return F.normalize(self.project(self.drop(flat)), dim=1).reshape(*pooled.shape[:2], DIMENSION)


class TokenHead(nn.Module):
    """Token states ``(B, T, 384)`` to ``(B, T, 129)``: unit vectors, each followed by its weight in the sentence."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(SENTENCE, DIMENSION)
        self.share = nn.Linear(SENTENCE, 1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Project; padding has weight 0."""
        states = self.drop(states)
        shares = self.share(states).masked_fill(mask.unsqueeze(-1) == 0, -1e4).softmax(dim=1)
        return torch.cat([F.normalize(self.project(states), dim=2), shares], dim=2)


class LateInteraction(nn.Module):
    """Both heads."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.image = RegionHead(dropout)
        self.text = TokenHead(dropout)


def pool_regions(maps: list[Tensor]) -> Tensor:
    """Average each map over a grid of 5 x 5 and concatenate the maps, ``(B, 25, 2560)``."""
    grids = [F.adaptive_avg_pool2d(feature_map, GRID) for feature_map in maps]
    return torch.cat(grids, dim=1).flatten(2).transpose(1, 2)


def interact(tokens: Tensor, regions: Tensor) -> Tensor:
    """Score sentences ``(B, T, 129)`` against images ``(N, 25, 128)``, ``(B, N)``."""
    vectors, shares = tokens[..., :-1], tokens[..., -1]
    best = torch.einsum("btd,nrd->bntr", vectors, regions).amax(dim=3)
    return torch.einsum("bnt,bt->bn", best, shares)


class LateInteractionMatcher:
    """The trained matcher, run by a runtime.

    Args:
        card: of the matcher.
        regions: ``(N, S, S, 3)`` uint8 to ``(N, 25 * 128)``.
        tokens: the tokeniser's arrays to ``(N, T, 129)``.
        tokenise: sentences to arrays.
    """

    def __init__(self, card: MatcherCard, regions: Runner, tokens: Runner, tokenise: Tokeniser) -> None:
        self.card = card
        self._regions, self._tokens, self._tokenise = regions, tokens, tokenise

    def prepare(self, pixels: Pixels) -> Pixels:
        """Scale ``(H, W, 3)`` pixels to the square."""
        return fit_square(pixels, self.card.preprocessing)

    def encode_images(self, prepared: Pixels) -> Features:
        """Return the regions of ``(N, S, S, 3)`` uint8, ``(N, 25, 128)`` float16."""
        rows = [self._regions(batch) for batch in image_batches(prepared)]
        flat = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
        return flat.astype(np.float16).reshape(-1, *FEATURE_SHAPE)

    def score(self, text: str, features: Features) -> NDArray[np.float32]:
        """Score one sentence against M images, ``(M,)``."""
        return _interact(self._tokens(*self._tokenise([text]))[0], features)

    def score_pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """Score S sentences against K images each, ``(S, K)``; the words that pad a sentence have no share."""
        tokens = self._tokens(*self._tokenise(texts))
        return np.stack([_interact(words, regions) for words, regions in zip(tokens, features, strict=True)])


def _interact(tokens: NDArray[np.float32], features: Features) -> NDArray[np.float32]:
    """Score one sentence ``(T, 129)`` against images ``(M, 25, 128)``, ``(M,)``."""
    flat = features.reshape(-1, DIMENSION).astype(np.float32)
    cosines = (flat @ tokens[:, :-1].T).reshape(len(features), FEATURE_SHAPE[0], len(tokens))
    scores: NDArray[np.float32] = cosines.max(axis=1) @ tokens[:, -1]
    return scores


class _Regions(nn.Module):
    def __init__(self, tower: ImageTower, head: RegionHead) -> None:
        super().__init__()
        self.tower, self.head = tower, head

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.tower.maps(pixels)).flatten(1)  # type: ignore[no-any-return]


class _Tokens(nn.Module):
    def __init__(self, tower: TextTower, head: TokenHead) -> None:
        super().__init__()
        self.tower, self.head = tower, head

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.head(self.tower.tokens(ids, mask), mask)  # type: ignore[no-any-return]


def load_feature_head(source: MatcherSource) -> nn.Module:
    """Load the head that maps the encoder's feature maps to regions."""
    return _load_heads(source).image


def load_matcher(source: MatcherSource) -> LateInteractionMatcher:
    """Load the heads and the encoder's towers, and compile them."""
    heads = _load_heads(source)
    encoder = weights_folder(source.card.encoder)
    towers = load_two_tower(encoder_card(source.card.encoder), encoder)
    tokenise = Tokeniser(encoder / TOKENISER, MAX_TOKENS)
    pixels = torch.zeros(1, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
    words = [torch.from_numpy(array) for array in tokenise(["a dog", "a dog runs"])]
    regions, tokens = _Regions(towers.image, heads.image).eval(), _Tokens(towers.text, heads.text).eval()
    return LateInteractionMatcher(
        source.card,
        compile_module(regions, [pixels], [(0,)], source.execution),
        compile_module(tokens, words, [(0, 1), (0, 1)], source.execution),
        tokenise,
    )


def _load_heads(source: MatcherSource) -> LateInteraction:
    heads = LateInteraction()
    load_into(heads, read_weights(source.folder, source.card), source.card)
    return heads.eval()
