"""``semblance-base``: an image tower of two EfficientNet-Lites and a MiniLM text tower on one unit sphere.

The two backbones see the picture at two resolutions; their errors differ, and two small frozen towers beat one of the
same cost. Two-tower training by a symmetric contrastive loss follows Radford et al. 2021 (CLIP).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import CHANNELS, MEAN, STD, EfficientNetLite
from models.checkpoint import read_weights
from models.dual.encoder import CompiledDualEncoder
from models.dual.heads import ResidualHead
from models.errors import CheckpointError
from models.runtime.base import RuntimeName, compile_module
from models.text.tokeniser import Tokeniser
from models.types import MatcherCard, ModelCard, Preprocessing

DIMENSION = 512
_HIDDEN = 1024

INPUT = Preprocessing(size=260, fit="squash", resample="bicubic", mean=MEAN, std=STD)
"""Of the image tower; the smaller backbone's 224 pixels are made from these inside the tower."""

_BACKBONES = {"lite0": 224, "lite2": 260}
_TEXT_CONFIG: dict[str, Any] = {
    "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
    "intermediate_size": 1536, "max_position_embeddings": 512,
}  # fmt: skip
MAX_TOKENS = 64
"""Of a sentence, specials included; longer ones are cut."""

TOKENISER = "tokenizer.json"


class ImageTower(nn.Module):
    """``(B, 260, 260, 3)`` uint8 pixels to ``(B, 512)`` unit vectors."""

    mean: Tensor
    std: Tensor

    def __init__(self, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.backbones = nn.ModuleDict({name: EfficientNetLite(name) for name in _BACKBONES})
        self.head = ResidualHead(CHANNELS * len(_BACKBONES), DIMENSION, _HIDDEN, dropout, noise)
        self.register_buffer("mean", torch.tensor(INPUT.mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(INPUT.std).reshape(1, 3, 1, 1), persistent=False)

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Compute each backbone's feature map, ``(B, 1280, h, w)``."""
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        inputs = (_resize(x, size) for size in _BACKBONES.values())
        return [backbone(i) for backbone, i in zip(self.backbones.values(), inputs, strict=True)]

    def pool(self, maps: list[Tensor]) -> Tensor:
        """Average each map over its places and put them side by side: ``(B, 2560)``."""
        return torch.cat([feature_map.mean(dim=(2, 3)) for feature_map in maps], dim=1)

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed pixels; also return the feature maps as leaves that gradients reach."""
        with torch.no_grad():
            maps = self.maps(pixels)
        leaves = [feature_map.requires_grad_() for feature_map in maps]
        return leaves, self.head(self.pool(leaves))

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        return self.head(self.pool(self.maps(pixels)))  # type: ignore[no-any-return]


class FeatureTower(nn.Module):
    """``(B, 260, 260, 3)`` uint8 pixels to vectors with the flat features of matchers behind them, ``(B, 512 + …)``.

    Args:
        tower: gives the vectors.
        heads: each maps the tower's feature maps to one matcher's features, ``(B, *feature_shape)``.
    """

    def __init__(self, tower: ImageTower, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.tower, self.heads = tower, nn.ModuleList(heads)

    def forward(self, pixels: Tensor) -> Tensor:
        """Run the backbones once for all."""
        maps = self.tower.maps(pixels)
        vectors = self.tower.head(self.tower.pool(maps))
        return torch.cat([vectors, *(head(maps).flatten(1) for head in self.heads)], dim=1)


class TextTower(nn.Module):
    """Token ids and mask ``(B, T)`` to ``(B, 512)`` unit vectors: MiniLM, mean over tokens, head."""

    def __init__(self, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel, logging

        logging.set_verbosity_error()  # it warns of a training loss that nobody asked for
        self.bert = BertModel(BertConfig(**_TEXT_CONFIG), add_pooling_layer=False)
        self.head = ResidualHead(_TEXT_CONFIG["hidden_size"], DIMENSION, _HIDDEN, dropout, noise)

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Average the last layer over the real tokens: ``(B, 384)``."""
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)  # type: ignore[no-any-return]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Embed sentences."""
        return self.head(self.pooled(ids, mask))  # type: ignore[no-any-return]


class TwoTower(nn.Module):
    """Both towers and the learned temperature of their contrastive loss."""

    def __init__(self, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.image = ImageTower(dropout, noise)
        self.text = TextTower(dropout, noise)


def load_two_tower(card: ModelCard, folder: Path) -> TwoTower:
    """Load shipped weights.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    towers = TwoTower()
    try:
        towers.load_state_dict(read_weights(folder, card))
    except RuntimeError as error:  # torch's word for names or shapes that do not fit
        raise CheckpointError(f"the weights of {card.name!r} are not of this architecture") from error
    return towers.eval()


def load_two_tower_encoder(
    card: ModelCard,
    folder: Path,
    *,
    runtime: RuntimeName,
    device: str,
    threads: int | None,
    feature_heads: Sequence[tuple[MatcherCard, nn.Module]] = (),
) -> CompiledDualEncoder:
    """Load shipped weights and compile both towers, the heads of matchers on the image tower (see ``FeatureTower``)."""
    towers = load_two_tower(card, folder)
    image = FeatureTower(towers.image, [head for _, head in feature_heads]).eval()
    tokenise = Tokeniser(folder / TOKENISER, MAX_TOKENS)
    pixels = torch.zeros(1, INPUT.size, INPUT.size, 3, dtype=torch.uint8)
    words = [torch.from_numpy(array) for array in tokenise(["a dog", "a dog runs"])]
    return CompiledDualEncoder(
        card,
        compile_module(image, [pixels], [(0,)], runtime=runtime, device=device, threads=threads),
        compile_module(towers.text, words, [(0, 1), (0, 1)], runtime=runtime, device=device, threads=threads),
        tokenise,
        [matcher for matcher, _ in feature_heads],
    )


def _resize(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
