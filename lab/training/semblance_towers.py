"""The two stages' ways from photographs and sentences to the learned block of ``semblance-base``'s vectors.

First, heads over frozen features; then the backbones' last blocks and MiniLM, too, over the frozen maps beneath them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lab.losses.info_nce import InfoNCE
from lab.training.depthwise import quicken_depthwise
from lab.training.precision import mixed_precision
from models.backbones.lite_pair import FEATURES
from models.encoders.heads import ResidualHead
from models.encoders.two_tower_module import HIDDEN, LEARNED, TwoTower
from models.text.minilm import SENTENCE
from models.text.tokeniser import Tokeniser

TUNED_FROM = {"lite0": (12, 192, 7), "lite2": (16, 208, 9)}
"""Of each backbone: the first block that is tuned, and channels and side of the map that goes into it."""


class Pair(nn.Module):
    """What is trained: the towers, the loss's temperature, and a second text head for single words.

    The second head does not ship. Single words train the layers below the heads to encode what several images have in
    common. Through a head of their own they leave the head of sentences to the sentences; that one is then better for
    both: ``docs/experiments.md``.

    Args:
        dropout: of all heads, in training.
        image_noise: standard deviation of the noise on image features, in training.
        text_noise: the same on MiniLM's vectors.
    """

    def __init__(self, dropout: float, image_noise: float, text_noise: float) -> None:
        super().__init__()
        self.towers = TwoTower(dropout, image_noise, text_noise)
        self.word_head = ResidualHead(SENTENCE, LEARNED, HIDDEN, dropout, text_noise)
        self.contrast = InfoNCE(0.05)

    def texts(self, pooled: Tensor, word_share: Tensor) -> Tensor:
        """Embed MiniLM's vectors ``(B, 384)`` as ``(B, 512)`` unit vectors.

        Args:
            pooled: MiniLM's vectors.
            word_share: ``(B, 1)``, the weight of the word head's output, in 0..1; the sentence head's is the rest.
        """
        mixed = torch.lerp(self.towers.text.head(pooled), self.word_head(pooled), word_share)
        return F.normalize(mixed, dim=1)


@dataclass(frozen=True)
class Sentences:
    """M sentences with their inputs to both stages.

    Attributes:
        texts: the sentences.
        frozen: ``(M, 384)``, MiniLM's vectors before training.
        word_share: ``(M, 1)``, see ``Pair.texts``.
    """

    texts: Sequence[str]
    frozen: Tensor
    word_share: Tensor


class Embedding(Protocol):
    """How one stage computes the learned block of the vectors from cached features and sentences."""

    def images(self, rows: Tensor) -> Tensor:
        """Embed ``(B, R)`` rows of ``FrozenImages`` as ``(B, 512)``."""
        ...

    def texts(self, sentences: Sentences, rows: NDArray[np.int64]) -> Tensor:
        """Embed some of the sentences, ``(B, 512)``."""
        ...


class FrozenEmbedding:
    """The heads alone, over frozen features."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def images(self, rows: Tensor) -> Tensor:
        """Embed the pooled features at the start of each row."""
        return self._pair.towers.image.head(rows[:, :FEATURES].float())  # type: ignore[no-any-return]

    def texts(self, sentences: Sentences, rows: NDArray[np.int64]) -> Tensor:
        """Embed MiniLM's own vectors."""
        return self._pair.texts(sentences.frozen[rows], sentences.word_share[rows])


class TunedEmbedding:
    """The last blocks over frozen maps, and all of MiniLM, in bfloat16 where the processor has it."""

    def __init__(self, pair: Pair, tokenise: Tokeniser) -> None:
        self._pair, self._towers, self._tokenise = pair, pair.towers, tokenise
        pair.towers.image.backbones.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        quicken_depthwise(pair.towers.image.backbones)

    def images(self, rows: Tensor) -> Tensor:
        """Embed the maps that follow the pooled features in each row."""
        image, start, maps = self._towers.image, FEATURES, []
        with mixed_precision():
            for name, (block, channels, side) in TUNED_FROM.items():
                flat = rows[:, start : start + channels * side * side].float()
                lower = flat.reshape(-1, side, side, channels).permute(0, 3, 1, 2)
                maps.append(image.backbones[name].upper(lower, block).float())  # type: ignore[operator]
                start += flat.shape[1]
        return image.head(image.pool(maps))  # type: ignore[no-any-return]

    def texts(self, sentences: Sentences, rows: NDArray[np.int64]) -> Tensor:
        """Embed sentences, those of like length together, so that little is padding."""
        order = np.argsort([len(sentences.texts[row]) for row in rows])
        parts = []
        for part in np.array_split(order, max(1, len(order) // 64)):
            ids, mask = map(torch.from_numpy, self._tokenise([sentences.texts[row] for row in rows[part]]))
            with mixed_precision():
                parts.append(self._towers.text.pooled(ids, mask).float())
        pooled = torch.cat(parts)[torch.from_numpy(np.argsort(order))]
        return self._pair.texts(pooled, sentences.word_share[rows])


class FrozenImages(nn.Module):
    """``(B, S, S, 3)`` pixels to rows ``(B, R)``: pooled features, then each backbone's map below its tuned blocks."""

    def __init__(self, towers: TwoTower) -> None:
        super().__init__()
        self.tower = towers.image.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the rows."""
        lower, maps = [], []
        for (name, (block, _, _)), x in zip(TUNED_FROM.items(), self.tower.inputs(pixels), strict=True):
            backbone = self.tower.backbones[name]
            lower.append(backbone.lower(x, block))  # type: ignore[operator]
            maps.append(backbone.upper(lower[-1], block))  # type: ignore[operator]
        return torch.cat([self.tower.pool(maps), *(x.permute(0, 2, 3, 1).flatten(1) for x in lower)], dim=1)
