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
        format: of the file: ``JPEG``, ``PNG``, ``WEBP``, ``GIF``, ``AVIF``, ``TIFF``, ``BMP``, ``HEIF``, ``JXL`` or
            ``RAW``.
        taken_at: EXIF date (the camera's local time, no zone) or None.
        camera: EXIF make and model, or None.
        lens: EXIF model of the lens, or None.
        iso: EXIF sensitivity, or None.
        latitude: EXIF GPS position in degrees, north of 0, or None.
        longitude: EXIF GPS position in degrees, east of 0, or None.
        tags: IPTC and XMP keywords, each once, in the file's order.
        title: IPTC, XMP or EXIF title, else description, or None.
        remark: what was wrong with the file though its pixels could be read, or None.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    taken_at: datetime | None = None
    camera: str | None = None
    lens: str | None = None
    iso: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    tags: tuple[str, ...] = ()
    title: str | None = None
    remark: str | None = None
