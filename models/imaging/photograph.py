"""A decoded image and the facts that its file told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.types import Pixels


@dataclass(frozen=True)
class Photograph:
    """A decoded image, upright and in RGB, with the facts that its file told.

    Attributes:
        pixels: ``(H, W, 3)`` uint8; may be smaller than the original when the decoder was allowed to shrink it.
        width: of the original after the EXIF turn, in pixels.
        height: of the original after the EXIF turn, in pixels.
        format: of the file: ``JPEG``, ``PNG``, ``WEBP``, ``GIF`` or ``HEIF``.
        taken_at: EXIF date (the camera's local time, no zone) or None.
        camera: EXIF make and model, or None.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    taken_at: datetime | None = None
    camera: str | None = None
