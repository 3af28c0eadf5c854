"""Features of the backbones before any training on captions: the baseline that a trained model has to exceed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data.pixels import Progress
from lab.evaluation.cached_models import cached_images
from lab.evaluation.content_cache import ContentCache
from lab.evaluation.encoded import extract_features
from lab.pretrained import efficientnet_lite_weights
from models.backbones.lite_pair import INPUT, LitePair
from models.imaging.transforms import fit_square
from models.inference.compiler import compile_module
from models.inference.device import resolve_device
from models.inference.execution import Execution, RuntimeName
from models.inference.runner import Runner
from models.types import Pixels, Vectors


def imagenet_features(
    files: Sequence[Path],
    *,
    runtime: RuntimeName = "auto",
    device: str = "auto",
    on_progress: Progress | None = None,
    cache: ContentCache | None = None,
) -> Vectors:
    """Return ``(N, 2560)`` features of image files (at least one), made by the backbones of ``semblance-base``.

    Args:
        files: the images.
        runtime: that computes them.
        device: where.
        on_progress: called with images done and total.
        cache: of what was computed before, if any.

    Raises:
        CheckpointError: the released weights (extra ``train``) are not installed.
    """
    tower = LitePair()
    for name, backbone in tower.backbones.items():
        backbone.load_released(efficientnet_lite_weights(name))  # type: ignore[operator]
    execution = Execution(runtime, resolve_device(device))
    compute = _Compiled(PooledBackbones(tower).eval(), execution)
    extract: Callable[[Pixels], NDArray[np.float32]] = compute
    if cache:
        extract = partial(cached_images, cache, f"ImageNet features, {_digest(tower)}, {execution}", compute=compute)
    return extract_features(files, INPUT.size, partial(fit_square, preprocessing=INPUT), extract, on_progress)


class _Compiled:
    """Compiles a module when it first gets pixels, ``(N, S, S, 3)``: it takes seconds."""

    def __init__(self, module: nn.Module, execution: Execution) -> None:
        self._module, self._execution = module, execution

    @cached_property
    def _run(self) -> Runner:
        example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
        return compile_module(self._module, [example], [(0,)], self._execution)

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        return self._run(pixels)


def _digest(tower: LitePair) -> str:
    """Return a digest of the weights, and of this file, which says what is made of the backbones' maps."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name, value in tower.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


class PooledBackbones(nn.Module):
    """``(B, S, S, 3)`` uint8 pixels to each backbone's mean-pooled map at unit length, side by side: ``(B, 2560)``."""

    def __init__(self, tower: LitePair) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> Tensor:
        """Extract features; both backbones have the same weight in an inner product."""
        return torch.cat([F.normalize(m.mean(dim=(2, 3)), dim=-1) for m in self.tower.maps(pixels)], dim=-1)
