"""``semantic-v``, ``semantic-vt`` and ``wsabie``: R-MAC of photographs and tf-idf of captions on one unit sphere.

A. Gordo, D. Larlus, "Beyond Instance-Level Image Retrieval: Leveraging Captions to Learn a Global Visual Representation
for Semantic Retrieval", CVPR 2017. The members differ by the losses that trained them (see
``lab.training.semantic``) and by nothing here.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import MEAN, STD
from models.backbones.frozen import IMAGENET_LITE
from models.backbones.lite_maps import LiteMaps, at_scale
from models.backbones.region_layout import SCALES
from models.backbones.rmac import RegionAggregation, pool_regions
from models.cards import EncoderCard, Preprocessing
from models.checkpoint import load_into, read_weights
from models.imaging.transforms import picture_box
from models.inference.graph import Graph

DIMENSION = 512
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


def image_tower(card: EncoderCard, folder: Path, stems: int) -> ImageTower:
    """Load the image half; raises as ``load_semantic``."""
    backbone = load_backbone_of(card)
    return ImageTower(backbone, load_semantic(card, folder, backbone.channels, stems).image).eval()


def backbone_graph(backbone: LiteMaps) -> Graph:
    """Return a backbone for pictures of any shape whose sides are multiples of 32."""
    return Graph(backbone, [torch.zeros(2, 224, 224, 3, dtype=torch.uint8)], [(0, 1, 2)])


def region_graph(trained: Semantic) -> Graph:
    """Return what makes vectors of region maxima."""
    return Graph(trained.image, [torch.zeros(2, 28, trained.image.project.in_features)], [(0, 1)])


def text_graph(trained: Semantic) -> Graph:
    """Return the text half."""
    return Graph(trained.text, [torch.zeros(2, len(trained.text.weight))], [(0,)])
