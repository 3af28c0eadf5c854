"""EfficientNet-Lite: an ImageNet backbone of inverted residual blocks for small machines.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the Lite variants
(Liu, 2020) drop squeeze-excitation and use ReLU6. The released weights were trained in TensorFlow, whose "same" padding
is asymmetric for even sizes, and with pixels scaled to -1..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = 1280
"""Of the feature map, in every variant."""

MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Variant:
    """What tells one EfficientNet-Lite from another: scale factors of width and depth."""

    width: float
    depth: float


VARIANTS = {"lite0": Variant(1.0, 1.0), "lite1": Variant(1.0, 1.1), "lite2": Variant(1.1, 1.2)}

# (repeats, kernel, stride, expansion, channels) of EfficientNet-B0's stages
_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip


class SamePadConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: output = ceil(input / stride), the odd pixel right and below."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that nn.Conv2d gives it
        """Convolve ``(B, C, H, W)``."""
        # int: a trace must hold the padding itself, which is the same for all even sizes, not half of its formula
        (left, right), (top, bottom) = self._pad(int(input.shape[-1])), self._pad(int(input.shape[-2]))
        if left == right == top == bottom:
            return F.conv2d(input, self.weight, self.bias, self.stride, left, self.dilation, self.groups)
        return super().forward(F.pad(input, (left, right, top, bottom)))

    def _pad(self, size: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True):
        layers: list[nn.Module] = [
            SamePadConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
        ]
        super().__init__(*layers, *([nn.ReLU6()] if relu else []))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner = inputs * expansion
        expand = [ConvNorm(inputs, inner, 1)] if expansion != 1 else []
        self.layers = nn.Sequential(
            *expand,
            ConvNorm(inner, inner, kernel, stride, groups=inner),
            ConvNorm(inner, outputs, 1, relu=False),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C', H', W')``."""
        y: Tensor = self.layers(x)
        return x + y if self.shortcut else y


class EfficientNetLite(nn.Module):
    """The convolutional part: ``(B, 3, H, W)`` normalised pixels to a feature map ``(B, 1280, H/32, W/32)``."""

    def __init__(self, variant: str):
        super().__init__()
        scale = VARIANTS[variant]
        blocks: list[nn.Module] = []
        channels = 32  # the Lite variants scale neither stem nor head, nor the depth of the first and last stage
        for stage, (repeats, kernel, stride, expansion, width) in enumerate(_STAGES):
            outputs = _round_channels(width * scale.width)
            inner_stage = 0 < stage < len(_STAGES) - 1
            for block in range(math.ceil(repeats * scale.depth) if inner_stage else repeats):
                blocks.append(InvertedResidual(channels, outputs, kernel, stride if block == 0 else 1, expansion))
                channels = outputs
        self.stem = ConvNorm(3, 32, 3, 2)
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(channels, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the feature map."""
        return self.upper(self.lower(x, 0), 0)

    def lower(self, x: Tensor, block: int) -> Tensor:
        """Compute what goes into one of the blocks, ``(B, C, h, w)``, from pixels."""
        return self.blocks[:block](self.stem(x))  # type: ignore[no-any-return]

    def upper(self, x: Tensor, block: int) -> Tensor:
        """Compute the feature map from what goes into one of the blocks."""
        return self.head(self.blocks[block:](x))  # type: ignore[no-any-return]

    def load_released(self, state: dict[str, Tensor]) -> None:
        """Take the weights of the released ImageNet checkpoints, whose layers carry other names in the same order.

        Raises:
            ValueError: the checkpoint is of another variant.
        """
        own = self.state_dict()
        theirs = {name: value for name, value in state.items() if not name.startswith("_fc.")}
        shapes = [tuple(value.shape) for value in theirs.values()]
        if shapes != [tuple(value.shape) for value in own.values()]:
            raise ValueError("the checkpoint's layers are not those of this EfficientNet-Lite variant")
        self.load_state_dict(dict(zip(own, theirs.values(), strict=True)))


def _round_channels(channels: float, divisor: int = 8) -> int:
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
