"""Features of the captioned photographs by the frozen backbone, computed once and shared by all models."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.data.captioned import CaptionedImages
from lab.training.features import cached_features
from lab.training.job import Job
from models.backbones.captioned import CAPTIONED_LITE, load_captioned
from models.backbones.frozen import IMAGENET_LITE, Backbone, FrozenTower, load_backbone
from models.backbones.lite_pair import INPUT
from models.inference.compiler import compile_module
from models.inference.execution import Execution
from models.inference.runner import Runner
from models.shipped import part_card


def frozen_vectors(
    job: Job, data: CaptionedImages, view: int = 0, backbone: str = IMAGENET_LITE
) -> NDArray[np.float16]:
    """Return the feature map's mean over its places, ``(N, C)`` float16.

    Args:
        job: gives the cache and reports progress.
        data: the photographs.
        view: of each (see ``training_view``).
        backbone: name of the backbone: the frozen pair, or ``captioned-lite``, alone.
    """
    return _frozen(job, data, view, backbone, "means")


def frozen_maps(job: Job, data: CaptionedImages, view: int = 0, backbone: str = IMAGENET_LITE) -> NDArray[np.float16]:
    """Return the feature map, ``(N, h * w, C)`` float16; arguments as above. A quarter of a megabyte an image."""
    return _frozen(job, data, view, backbone, "maps")


def features_of(
    job: Job, data: CaptionedImages, view: int, what: str, identity: str, runner: Callable[[], Runner]
) -> NDArray[np.float16]:
    """Return what a network that reads the pair's pixels computes of each photograph, ``(N, ...)`` float16.

    Args:
        job: gives the cache and the device, and reports progress.
        data: the photographs.
        view: of each (see ``training_view``).
        what: is computed, as progress calls it.
        identity: see ``cached_features``.
        runner: gives the compiled network; not called where the features are there.
    """
    return cached_features(
        data.files,
        INPUT,
        lambda pixels: runner()(pixels),
        identity=identity,
        cache=job.features,
        view=view,
        device=job.device,
        on_progress=lambda done, total: job.reporter.features(f"{data.name}, {what}, view {view}", done, total),
    )


def compiled(network: nn.Module, device: str) -> Runner:
    """Compile a network that reads the pair's pixels."""
    example = torch.zeros(2, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
    return compile_module(network.eval(), [example], [(0,)], Execution(device=device))


def _frozen(job: Job, data: CaptionedImages, view: int, name: str, what: str) -> NDArray[np.float16]:
    identity = f"{what} of {name} {part_card(name).weights_sha256}"
    return features_of(job, data, view, what, identity, lambda: _compiled(name, what, job.device))


@lru_cache(maxsize=1)
def _compiled(name: str, what: str, device: str) -> Runner:
    """Compile once for all sets and views: it takes seconds."""
    return compiled(FrozenTower(_load(name), _HEADS[what]()), device)


def _load(name: str) -> Backbone:
    return load_captioned() if name == CAPTIONED_LITE else load_backbone(name)


class _Places(nn.Module):
    """The head that lays a feature map out by its places, ``(B, C, h, w)`` to ``(B, h * w, C)``."""

    def forward(self, feature_map: Tensor) -> Tensor:
        return feature_map.flatten(2).transpose(1, 2)


class _Means(_Places):
    """The head that averages over the places, ``(B, C, h, w)`` to ``(B, C)``.

    ``MeanOverPlaces`` computes the same, but OpenVINO rounds it differently, and the shipped weights would not be
    reproduced to the bit.
    """

    def forward(self, feature_map: Tensor) -> Tensor:
        return super().forward(feature_map).mean(dim=1)


_HEADS = {"maps": _Places, "means": _Means}
