r"""Token-to-region late interaction: each word looks for its own place in the photograph.

.. math:: m(\text{sentence}, x) = \sum_i a_i \max_j \langle t_i, r_j \rangle, \qquad \sum_i a_i = 1

over the sentence's tokens and the photograph's regions, both on one unit sphere (Khattab and Zaharia 2020, "ColBERT";
Yao et al. 2022, "FILIP", for images); the shares :math:`a_i` are learned, so that articles count little. The tokens
come from the dual encoder's own sentence encoder, the regions from its own feature maps, in the same pass.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.lite_pair import FEATURES, INPUT
from models.cards import MatcherCard
from models.checkpoint import load_into, read_weights
from models.encoders.two_tower_module import ImageTower, TextTower, TwoTower, load_two_tower
from models.inference.graph import Graph
from models.shipped import encoder_card, weights_folder
from models.text.minilm import SENTENCE, token_examples

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
    """Token states ``(B, T, 384)`` to ``(B, T, 129)``: unit vectors, and behind each its share of the sentence."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(SENTENCE, DIMENSION)
        self.share = nn.Linear(SENTENCE, 1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Project; padding has no share."""
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
    """Average each map over a grid of 5 x 5 and put them side by side, ``(B, 25, 2560)``."""
    grids = [F.adaptive_avg_pool2d(feature_map, GRID) for feature_map in maps]
    return torch.cat(grids, dim=1).flatten(2).transpose(1, 2)


def interact(tokens: Tensor, regions: Tensor) -> Tensor:
    """Score sentences ``(B, T, 129)`` against images ``(N, 25, 128)``, ``(B, N)``."""
    vectors, shares = tokens[..., :-1], tokens[..., -1]
    best = torch.einsum("btd,nrd->bntr", vectors, regions).amax(dim=3)
    return torch.einsum("bnt,bt->bn", best, shares)


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


def load_heads(card: MatcherCard, folder: Path) -> LateInteraction:
    """Load both heads.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    heads = LateInteraction()
    load_into(heads, read_weights(folder, card), card)
    return heads.eval()


def region_graph(card: MatcherCard, folder: Path) -> Graph:
    """Return photographs to regions, with the encoder's image tower."""
    tower = _Regions(_towers(card).image, load_heads(card, folder).image).eval()
    return Graph(tower, [torch.zeros(1, INPUT.size, INPUT.size, 3, dtype=torch.uint8)], [(0,)])


def token_graph(card: MatcherCard, folder: Path) -> Graph:
    """Return sentences to tokens, with the encoder's text tower."""
    tower = _Tokens(_towers(card).text, load_heads(card, folder).text).eval()
    return Graph(tower, token_examples(), [(0, 1), (0, 1)])


def _towers(card: MatcherCard) -> TwoTower:
    return load_two_tower(encoder_card(card.encoder), weights_folder(card.encoder))
