"""Grad-CAM: which places of the feature map a score comes from.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017. The
score explained is the inner product of the image's vector with a query's vector.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from models.explain.by_gradient import ByGradient, Target, whole_query
from models.explain.source import ExplainableTower, ExplainerSource


class GradCam(ByGradient):
    """The ``Explainer``; its maps are signed, a first-order estimate in units of the score."""

    def __init__(
        self,
        tower: ExplainableTower,
        *,
        device: str = "cpu",
        blocks: tuple[int, ...] = (),
        target: Target = whole_query,
    ) -> None:
        super().__init__(tower, device=device, blocks=blocks, target=target)
        self._tower = tower

    def places(self, pixels: Tensor, targets: Tensor) -> Iterator[Tensor]:
        """See ``ByGradient``."""
        maps, vectors = self._tower.trace(pixels)
        for target in targets:
            gradients = torch.autograd.grad(vectors[0] @ target, maps, retain_graph=True)
            yield combine_maps([m.detach()[0] for m in maps], [g[0] for g in gradients])


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
