"""An image tower in the pieces that evidence by places needs, as graphs that any runtime can run.

Everything behind the pooled features is cheap, and its first layers are linear: what a thousand selections of places
would score is computed in milliseconds, while the backbones run once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.backbones.lite_pair import FEATURES, INPUT
from models.encoders.two_tower_module import LINEAR, ImageTower
from models.explain.grids import overlaps
from models.explain.places import GRID
from models.inference.graph import Graph
from models.matchers.late_interaction_module import RegionHead


class Shares(nn.Module):
    """``(B, S, S, 3)`` uint8 pixels to what each place adds to the pooled features, ``(B, GRID * GRID * 2560)``.

    The backbones' grids differ. A place of the common grid has its part, by area, of every place that it overlaps: the
    shares of all places add up to the features.
    """

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> Tensor:
        """Run the backbones."""
        shares = [_shared(feature_map) for feature_map in self.tower.maps(pixels)]
        return torch.cat(shares, dim=2).flatten(1)


class Linear(nn.Module):
    """See ``ImageTower.linear``."""

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, features: Tensor) -> Tensor:
        """Apply the linear layers."""
        return self.tower.linear(features)


class Vectors(nn.Module):
    """See ``ImageTower.vectors``."""

    def __init__(self, tower: ImageTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, linear: Tensor) -> Tensor:
        """Embed."""
        return self.tower.vectors(linear)


class Regions(nn.Module):
    """Features of places ``(N, 2560)`` to the vectors that words look for, ``(N, 128)``."""

    def __init__(self, head: RegionHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: Tensor) -> Tensor:
        """Project."""
        return self.head.regions(features[None])[0]


def shares_graph(tower: ImageTower) -> Graph:
    """Return pixels to shares."""
    return Graph(Shares(tower).eval(), [torch.zeros(1, INPUT.size, INPUT.size, 3, dtype=torch.uint8)], [(0,)])


def linear_graph(tower: ImageTower) -> Graph:
    """Return features to what the linear layers make of them."""
    return Graph(Linear(tower).eval(), [torch.zeros(1, FEATURES)], [(0,)])


def vectors_graph(tower: ImageTower) -> Graph:
    """Return that to vectors."""
    return Graph(Vectors(tower).eval(), [torch.zeros(1, LINEAR)], [(0,)])


def regions_graph(load_head: Callable[[], RegionHead]) -> Graph:
    """Return features of places to regions."""
    return Graph(Regions(load_head()).eval(), [torch.zeros(1, FEATURES)], [(0,)])


def mean_features(tower: ImageTower) -> NDArray[np.float32]:
    """Return the mean that the tower's head subtracts of features, ``(2560,)``."""
    return np.asarray(tower.head.mean.numpy(), np.float32)


def _shared(feature_map: Tensor) -> Tensor:
    """Return what places add to the mean over a map ``(B, C, h, w)``, ``(B, GRID * GRID, C)``."""
    rows, columns = int(feature_map.shape[2]), int(feature_map.shape[3])
    down, across = torch.from_numpy(overlaps(rows, GRID) / rows), torch.from_numpy(overlaps(columns, GRID) / columns)
    shares: Tensor = down @ feature_map @ across.T
    return shares.flatten(2).transpose(1, 2)
