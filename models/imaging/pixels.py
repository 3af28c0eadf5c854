"""Turns a decoded picture of any mode into an array, in strips: of its full size there is never a second copy."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from models.imaging.colour import recolour
from models.imaging.ground import lay_on_ground
from models.types import Pixels

_STRIP_PIXELS = 2**18
_GREY_MODES = ("1", "L", "LA", "La")
_DEEP_MODES = ("I", "F")  # and I;16 with its byte orders

_TURNS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, 1),
}
"""What makes a picture upright, by its EXIF orientation."""


def rgb_pixels(image: Image.Image, profile: bytes, factor: int) -> tuple[Pixels, str | None]:
    """Return a picture's pixels in sRGB, and a remark where its colour profile could not be used.

    Args:
        image: loaded; of any mode.
        profile: ICC profile of its colours, or empty.
        factor: by which its sides are divided, each pixel the mean of a square.

    Returns:
        ``(H, W, 3)``; sides are rounded up.
    """
    is_deep = image.mode.startswith(_DEEP_MODES)
    transparent = image.has_transparency_data and not is_deep
    mode = "L" if is_deep else _mode_to_reduce(image)
    convert, remark = recolour(mode, profile, transparent=transparent)
    unit = _unit(image) if is_deep else 1.0
    width, height = (math.ceil(side / factor) for side in image.size)
    pixels = np.empty((height, width, 4 if transparent else 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // image.width // factor)  # of the result
    for top in range(0, height, rows):
        strip = image.crop((0, top * factor, image.width, min((top + rows) * factor, image.height)))
        strip = _eight_bits(strip, unit) if is_deep else strip if strip.mode == mode else strip.convert(mode)
        strip = strip.reduce(factor) if factor > 1 else strip
        pixels[top : top + rows] = np.asarray(convert(strip))
    return lay_on_ground(pixels) if transparent else pixels, remark


def turn_upright(pixels: Pixels, orientation: int | None) -> Pixels:
    """Turn ``(H, W, 3)`` pixels as EXIF's orientation says."""
    turn = _TURNS.get(orientation or 1)
    return np.ascontiguousarray(turn(pixels)) if turn else pixels


def _mode_to_reduce(image: Image.Image) -> str:
    """Return the mode in which neighbouring pixels may be averaged: colours, not numbers of a palette."""
    if image.has_transparency_data:
        return "LA" if image.mode in _GREY_MODES else "RGBA"
    return {"1": "L", "P": "RGB", "PA": "RGBA", "HSV": "RGB"}.get(image.mode, image.mode)


def _unit(image: Image.Image) -> float:
    """Return the value that is shown as white: of fractions 1, of bytes in a wider type 255, else 65535."""
    if image.mode != "F":
        return 65535.0
    _, highest = image.getextrema()
    return next((unit for unit in (1.0, 255.0, 65535.0) if highest <= unit), highest)  # type: ignore[operator, return-value]


def _eight_bits(strip: Image.Image, unit: float) -> Image.Image:
    """Scale 16-bit and fractional grey; Pillow's own conversion clips it."""
    grey = np.asarray(strip)
    if unit == 65535 and grey.dtype != np.float32:
        return Image.fromarray((grey.clip(0, 65535) >> 8).astype(np.uint8))
    return Image.fromarray(np.nan_to_num(grey * (255 / unit)).clip(0, 255).round().astype(np.uint8))
