"""Grad-CAM: which places of the feature map a score comes from.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. The
score explained is the inner product of the image's vector with a query's vector.
"""

from __future__ import annotations

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.source import ExplainableTower, ExplainerSource
from models.explain.words import word_saliency
from models.protocols import Match
from models.types import Pixels, Vectors


class GradCam:
    """The ``Explainer`` of one image at a time, the result; calls from several threads wait for one another.

    Its maps are signed, a first-order estimate in units of the score; painted at full strength is the largest value.
    """

    looks_at = frozenset[ImageRole]({"result"})

    def __init__(self, tower: ExplainableTower, *, device: str = "cpu", blocks: tuple[int, ...] = ()) -> None:
        self._tower, self._device, self._blocks = tower, torch.device(device), blocks
        if isinstance(tower, torch.nn.Module):
            tower.requires_grad_(False).to(self._device)
        self._lock = threading.Lock()

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``."""
        image = match.images["result"]
        found = EvidenceMap(self._map(image.pixels, match.query.vector), image.region)
        return Evidence(
            (found,), max(0.0, float(found.values.max())), word_saliency(match, self._blocks), breakdown(match)
        )

    def _map(self, prepared: Pixels, query: Vectors) -> NDArray[np.float32]:
        """Explain the score of one image ``(S, S, 3)`` for one query ``(D,)``, as ``(rows, columns)``."""
        pixels = torch.from_numpy(np.ascontiguousarray(prepared)[None]).to(self._device)
        target = torch.from_numpy(query).to(self._device)
        with self._lock, torch.enable_grad():
            maps, vectors = self._tower.trace(pixels)
            gradients = torch.autograd.grad(vectors[0] @ target, maps)
        return np.asarray(combine_maps([m.detach()[0] for m in maps], [g[0] for g in gradients]).cpu())


def combine_maps(maps: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Weight each channel by its mean gradient and sum, ``Σ_c mean(∂s/∂A_c) · A_c``.

    Grad-CAM's picture is the positive part of this. Of several backbones the sums, each its share of the score, are
    added on the finest grid, ``(rows, columns)``: a place of a coarse map gives its share to the places that it covers.

    Args:
        maps: ``(C, h, w)`` each.
        gradients: of the score, the same shapes.
    """
    rows, columns = (max(m.shape[axis] for m in maps) for axis in (1, 2))
    total = torch.zeros(rows, columns, device=maps[0].device)
    for feature_map, gradient in zip(maps, gradients, strict=True):
        weights = gradient.mean(dim=(1, 2), keepdim=True)
        share = (weights * feature_map).sum(dim=0) * feature_map[0].numel() / total.numel()
        total += F.interpolate(share[None, None], size=(rows, columns), mode="bilinear", align_corners=False)[0, 0]
    return total


def load_explainer(source: ExplainerSource) -> GradCam:
    """Load the image tower in torch: the model's weights a second time, which is slow."""
    return GradCam(source.load_image_tower(), device=source.compiler.device, blocks=source.blocks)
