"""``semantic-v``, ``semantic-vt`` and ``wsabie``: R-MAC of photographs and tf-idf of captions on one unit sphere.

A. Gordo, D. Larlus, "Beyond Instance-Level Image Retrieval: Leveraging Captions to Learn a Global Visual Representation
for Semantic Retrieval", CVPR 2017. The members differ by the losses that trained them (see
``lab.training.semantic``) and by nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import MEAN, STD
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_maps import LiteMaps, at_scale
from models.backbones.rmac import RegionAggregation, pool_regions
from models.cards import EncoderCard, Preprocessing
from models.checkpoint import load_into, read_weights
from models.encoders.compiled import CompiledDualEncoder
from models.imaging.transforms import picture_box
from models.inference.compile import Runner, compile_module
from models.inference.execution import Execution
from models.text.stem_bags import STEM_BAGS, StemBags, load_stem_bags
from models.types import Pixels, Vectors

DIMENSION = 512
SCALES = (288, 224)
"""Longer side of the picture at each scale, in pixels."""
BACKBONES = ("lite0", "lite2")
INPUT = Preprocessing(size=max(SCALES), fit="inside", resample="bicubic", mean=MEAN, std=STD)


class TextEmbedding(nn.Module):
    r"""tf-idf vectors ``(B, V)`` to ``(B, D)`` unit vectors: :math:`\theta(t) = W^T t / \lVert W^T t \rVert`.

    A text without any known stem, t = 0, gets the direction of all stems alike, for every vector has unit length.
    """

    def __init__(self, stems: int, dimension: int = DIMENSION) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(stems, dimension))

    def forward(self, bags: Tensor) -> Tensor:
        """Embed texts."""
        unknown = (bags.amax(dim=1, keepdim=True) <= 0).to(bags.dtype)
        return F.normalize((bags + unknown) @ self.weight, dim=1)


class Semantic(nn.Module):
    """What is trained: the projection of regions, and W of the text side."""

    def __init__(self, channels: int, groups: int, stems: int, noise: float = 0.0) -> None:
        super().__init__()
        self.image = RegionAggregation(channels, DIMENSION, groups, noise)
        self.text = TextEmbedding(stems)


class ImageTower(nn.Module):
    """``(B, H, W, 3)`` uint8 pixels of one shape to ``(B, 512)`` unit vectors; what Grad-CAM explains.

    Of pictures with padding around them (see ``fit_square``), H and W of all must be those of the first.
    """

    def __init__(self, backbone: LiteMaps, head: RegionAggregation) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def trace(self, pixels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Embed pixels; also return the feature maps of all scales as leaves that gradients reach."""
        top, left, rows, columns = picture_box(pixels[0].cpu().numpy())
        picture = pixels[:, top : top + rows, left : left + columns]
        with torch.no_grad():
            maps = [self.backbone(at_scale(picture, side)) for side in SCALES]
        leaves = [feature_map.requires_grad_() for feature_map in maps]
        return leaves, self.head(torch.cat([pool_regions(leaf) for leaf in leaves], dim=1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels."""
        return self.trace(pixels)[1]


class RegionReader:
    """Compiled backbone and maxima: pictures of one shape, ``(B, H, W, 3)`` uint8, to ``(B, R, C)`` region maxima."""

    def __init__(self, backbone: Runner) -> None:
        self._backbone = backbone

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        """Read the regions of both scales."""
        scaled = [at_scale(torch.from_numpy(pixels), side) for side in SCALES]
        maps = [torch.from_numpy(self._backbone(each.numpy())) for each in scaled]
        return torch.cat([pool_regions(each) for each in maps], dim=1).numpy()


class ByShape:
    """Runs an image tower on squares whose pictures have different shapes: one batch a shape, without the padding.

    Args:
        embed: ``(B, H, W, 3)`` uint8 to ``(B, D)``.
        dimension: D.
    """

    def __init__(self, embed: Callable[[Pixels], Vectors], dimension: int) -> None:
        self._embed, self._dimension = embed, dimension

    def __call__(self, *inputs: NDArray[np.uint8]) -> Vectors:
        """Embed ``(N, S, S, 3)`` uint8 squares."""
        (squares,) = inputs
        vectors = np.empty((len(squares), self._dimension), np.float32)
        boxes = [picture_box(square) for square in squares]
        for box, rows in groupby(sorted(range(len(boxes)), key=boxes.__getitem__), key=boxes.__getitem__):
            top, left, height, width = box
            chosen = list(rows)
            cut = squares[chosen, top : top + height, left : left + width]
            vectors[chosen] = self._embed(np.ascontiguousarray(cut))
        return vectors


def load_backbone_of(card: EncoderCard) -> LiteMaps:
    """Load the frozen backbone that a model stands on."""
    return LiteMaps(card.options["backbones"], card.parts[IMAGENET_LITE])


def load_semantic(card: EncoderCard, folder: Path, channels: int, stems: int) -> Semantic:
    """Load shipped weights.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    trained = Semantic(channels, len(card.options["backbones"]), stems)
    load_into(trained, read_weights(folder, card), card)
    return trained.eval()


def load_image_tower(card: EncoderCard, folder: Path) -> ImageTower:
    """Load the image half, to explain it."""
    backbone, bags = load_backbone_of(card), load_stem_bags(card.parts[STEM_BAGS])
    return ImageTower(backbone, load_semantic(card, folder, backbone.channels, len(bags)).image).eval()


def load_encoder(card: EncoderCard, folder: Path, execution: Execution) -> CompiledDualEncoder:
    """Load shipped weights and compile both towers."""
    backbone, bags = load_backbone_of(card), load_stem_bags(card.parts[STEM_BAGS])
    trained = load_semantic(card, folder, backbone.channels, len(bags))
    regions = RegionReader(compile_backbone(backbone, execution))
    embed = compile_module(trained.image, [torch.zeros(2, 28, backbone.channels)], [(0, 1)], execution)
    return CompiledDualEncoder(
        card,
        ByShape(lambda pixels: embed(regions(pixels)), card.dimension),
        compile_module(trained.text, [torch.zeros(2, len(bags))], [(0,)], execution),
        _Tokenise(bags),
    )


def compile_backbone(backbone: LiteMaps, execution: Execution = Execution()) -> Runner:  # noqa: B008 - it is immutable
    """Compile a backbone for pictures of any shape whose sides are multiples of 32."""
    example = torch.zeros(2, 224, 224, 3, dtype=torch.uint8)
    return compile_module(backbone, [example], [(0, 1, 2)], execution)


class _Tokenise:
    """Turns sentences into tf-idf vectors, each as a document of one sentence."""

    def __init__(self, bags: StemBags) -> None:
        self._bags = bags

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.float32]]:
        return (self._bags([[text] for text in texts]),)
