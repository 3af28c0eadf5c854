"""Scales batches of pictures smoothly, without rounding in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.types import Pixels


def scale_smoothly(pixels: Pixels, height: int, width: int) -> Pixels:
    """Scale ``(B, H, W, 3)`` uint8 by a triangle filter as wide as a target pixel (bilinear, antialiased).

    It is separable: ``R X Cᵀ`` with weights of rows ``(height, H)`` and of columns ``(width, W)`` that sum to 1.
    """
    rows, columns = triangle_weights(pixels.shape[1], height), triangle_weights(pixels.shape[2], width)
    scaled = np.einsum("ih,bhwc->biwc", rows, pixels.astype(np.float32), optimize=True)
    scaled = np.einsum("jw,biwc->bijc", columns, scaled, optimize=True)
    return np.ascontiguousarray(scaled.round().clip(0, 255).astype(np.uint8))


def triangle_weights(source: int, target: int) -> NDArray[np.float32]:
    """Return the weights ``(target, source)`` of a side's source pixels in its target pixels; rows sum to 1."""
    step = source / target
    centres, places = (np.arange(target) + 0.5) * step, np.arange(source) + 0.5
    weights = np.maximum(0, 1 - np.abs(places - centres[:, None]) / max(step, 1.0))
    shares: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
