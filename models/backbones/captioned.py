"""A backbone tuned by writing captions, alone or beside the frozen pair: the ``captioned-lite`` that ships.

Only the tuned layers ship, and with them the captioner's map of the image into the space of its words; the layers
beneath are those of ``imagenet-lite``.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbones.efficientnet_lite import CHANNELS, EfficientNetLite
from models.backbones.frozen import IMAGENET_LITE, SIDE, Backbone, ImageNetLite, load_backbone
from models.backbones.lite_pair import BACKBONES, FEATURES, INPUT
from models.checkpoint import load_part

CAPTIONED_LITE = "captioned-lite"
TUNED = "lite2"
"""The backbone of the pair that is tuned."""
TUNED_FROM = 17
"""The first of its blocks that is tuned."""
LAYERS, INTO_TEXT_SPACE = "layers.", "into_text_space."
"""Before the names of the tuned layers' tensors, and of those of the captioner's map."""


class CaptionedLite(nn.Module):
    """The tuned backbone alone: ``(B, 260, 260, 3)`` uint8 pixels to ``(B, 1280, 7, 7)``.

    Args:
        pair: with ImageNet's weights, of which the layers beneath the tuned ones are taken.
        tuned: the backbone with the tuned layers.
    """

    preprocessing = INPUT
    channels = CHANNELS

    def __init__(self, pair: ImageNetLite, tuned: EfficientNetLite) -> None:
        super().__init__()
        self.pair, self.tuned = pair, tuned

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the feature map."""
        return self._upper(self._lower(self.pair.inputs(pixels)))

    def _lower(self, inputs: list[Tensor]) -> Tensor:
        return self.tuned.lower(inputs[list(BACKBONES).index(TUNED)], TUNED_FROM)

    def _upper(self, lower: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(self.tuned.upper(lower, TUNED_FROM), SIDE)


class CaptionedBesideImageNet(CaptionedLite):
    """The frozen pair's map and then the tuned backbone's: ``(B, 3840, 7, 7)``."""

    channels = FEATURES + CHANNELS

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute the feature map; what lies beneath the tuned layers is the same in both, and computed once."""
        inputs = self.pair.inputs(pixels)
        lower = self._lower(inputs)
        maps = [
            backbone.upper(lower, TUNED_FROM) if name == TUNED else backbone(x)  # type: ignore[operator]
            for (name, backbone), x in zip(self.pair.backbones.items(), inputs, strict=True)
        ]
        return torch.cat([*(F.adaptive_avg_pool2d(one, SIDE) for one in maps), self._upper(lower)], dim=1)


def load_captioned(
    imagenet_sha256: str | None = None, captioned_sha256: str | None = None, *, beside_imagenet: bool = False
) -> Backbone:
    """Load the tuned backbone, in evaluation mode and without gradients.

    Args:
        imagenet_sha256: of the weights beneath; from a model's card.
        captioned_sha256: of the tuned layers, likewise.
        beside_imagenet: with the frozen pair's own map before its.

    Raises:
        CheckpointError: missing, damaged, or other weights than expected.
    """
    pair = load_backbone(IMAGENET_LITE, imagenet_sha256)
    tuned = copy.deepcopy(pair.backbones[TUNED])
    layers = {
        name.removeprefix(LAYERS): value
        for name, value in load_part(CAPTIONED_LITE, captioned_sha256).items()
        if name.startswith(LAYERS)
    }
    tuned.load_state_dict(tuned.state_dict() | layers)
    kind = CaptionedBesideImageNet if beside_imagenet else CaptionedLite
    return kind(pair, tuned).eval()  # type: ignore[arg-type]
