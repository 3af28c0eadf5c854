"""Brings a picture to another aspect ratio (width over height)."""

import numpy as np
from PIL import Image

from models.types import Pixels


def stretch(pixels: Pixels, ratio: float) -> Pixels:
    """Scale the side that is too short, so that nothing of the ``(H, W, 3)`` picture is lost."""
    height, width = pixels.shape[:2]
    size = (max(width, round(height * ratio)), max(height, round(width / ratio)))
    if size == (width, height):
        return pixels
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def crop_middle(pixels: Pixels, ratio: float) -> Pixels:
    """Cut the side that is too long, equally at both ends; nothing of the ``(H, W, 3)`` picture is distorted."""
    height, width = pixels.shape[:2]
    rows, columns = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(pixels[top : top + rows, left : left + columns])
