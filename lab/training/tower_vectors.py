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
from models.encoders.two_tower_module import TwoTower
from models.inference.compiler import compile_module
from models.text.minilm import SENTENCE
from models.text.tokeniser import Tokeniser

PoolTexts = Callable[[Sequence[str]], NDArray[np.float32]]
"""M texts to the text tower's mean over tokens, ``(M, 384)``."""


def image_vectors(job: Job, towers: TwoTower, data: CaptionedImages) -> NDArray[np.float16]:
    """Return the vectors of whole photographs, ``(N, 640)`` float16, from the cache where they are there."""
    runner = cache(partial(compiled, towers.image, job.device))
    return features_of(job, data, 0, "vectors", f"vectors of {digest_of_weights(towers.image)}", runner)


def pool_texts(towers: TwoTower, tokenise: Tokeniser, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return MiniLM's vectors with its present weights, ``(M, 384)``."""
    examples = list(map(torch.from_numpy, tokenise(["a dog", "a dog runs"])))
    pooled = compile_module(_PooledTexts(towers), examples, [(0, 1), (0, 1)])
    return encode_by_length(texts, lambda some: pooled(*tokenise(some)), SENTENCE)


def digest_of_weights(module: nn.Module, without: str | None = None) -> str:
    """Return a SHA-256 of all weights but those whose names begin with ``without``."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        if without is None or not name.startswith(without):
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()


class _PooledTexts(nn.Module):
    """Word pieces and mask, ``(B, T)`` each, to MiniLM's vectors ``(B, 384)``."""

    def __init__(self, towers: TwoTower) -> None:
        super().__init__()
        self.tower = towers.text.eval()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Compute the vectors."""
        return self.tower.pooled(ids, mask)
