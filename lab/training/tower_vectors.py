"""What ``semblance-base``'s towers make of training photographs, and of sentences on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lab.data.captioned import CaptionedImages
from lab.data.sentences import encode_by_length
from lab.training.frozen import compiled, features_of
from lab.training.job import Job
from models.backbones.lite_pair import FEATURES
from models.encoders.two_tower_module import READ, ImageTower, TwoTower
from models.inference.compiler import compile_module
from models.text.tokeniser import Tokeniser

ReadTexts = Callable[[Sequence[str]], NDArray[np.float32]]
"""M texts to what the text tower reads of them, ``(M, READ)``."""


def image_vectors(job: Job, towers: TwoTower, data: CaptionedImages) -> NDArray[np.float16]:
    """Return the vectors of whole photographs, ``(N, 768)`` float16, from the cache where they are there."""
    runner = cache(partial(compiled, towers.image, job.device))
    return features_of(job, data, 0, "vectors", f"vectors of {_digest_of_vectors(towers.image)}", runner)


def pooled_features(job: Job, towers: TwoTower, data: CaptionedImages, view: int) -> NDArray[np.float16]:
    """Return both backbones' features of a view of photographs, ``(N, 2560)`` float16, from the cache likewise."""
    runner = cache(partial(compiled, _PooledImages(towers), job.device))
    identity = f"pooled by {digest_of_weights(towers.image.backbones)}"
    return features_of(job, data, view, "features", identity, runner)


def read_texts(towers: TwoTower, tokenise: Tokeniser, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return what the text tower reads of M texts with its present weights, ``(M, READ)``: see ``TextTower.read``."""
    examples = list(map(torch.from_numpy, tokenise(["a dog", "a dog runs"])))
    read = compile_module(_ReadTexts(towers), examples, [(0, 1), (0, 1)])
    return encode_by_length(texts, lambda some: read(*tokenise(some)), READ)


def digest_of_weights(module: nn.Module, without: str | None = None) -> str:
    """Return a SHA-256 of all weights but those whose names begin with ``without``."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        if without is None or not name.startswith(without):
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def _digest_of_vectors(tower: ImageTower) -> str:
    """Return a SHA-256 of all that vectors hang on: the weights, and how the code weighs the blocks."""
    example = tower.vectors(tower.linear(torch.ones(1, FEATURES)))
    return hashlib.sha256(digest_of_weights(tower).encode() + example.numpy().tobytes()).hexdigest()


class _PooledImages(nn.Module):
    """Pixels to pooled features, ``(B, 2560)``."""

    def __init__(self, towers: TwoTower) -> None:
        super().__init__()
        self.tower = towers.image.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the features."""
        return self.tower.pool(self.tower.maps(pixels))


class _ReadTexts(nn.Module):
    """Word pieces and mask, ``(B, T)`` each, to what is read of them, ``(B, READ)``."""

    def __init__(self, towers: TwoTower) -> None:
        super().__init__()
        self.tower = towers.text.eval()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Read."""
        return self.tower.read(ids, mask)
