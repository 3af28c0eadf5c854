"""What the first bytes of an image file tell about the work of decoding it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself, read without decompressing pixels.

    Attributes:
        format: as of ``Photograph``.
        width: of the picture as it is stored, before any turn, in pixels.
        height: of the picture as it is stored, in pixels.
        channels: colours and transparency of one pixel; 1 for grey and for palettes.
        sample_bytes: of one channel, 1 or 2.
        progressive: of a JPEG: it comes in several scans, so that all its coefficients are held while it is decoded.
        scans: of a JPEG.
        scales: a decoder can read it at 1/2, 1/4 and 1/8 of its sides, as of most JPEGs.
        transparent: there may be transparent pixels.
        profiled: it may bear a colour profile.
        buffer_bytes: memory that this file in particular takes beside its pixels, such as a strip of a TIFF.
    """

    format: str
    width: int
    height: int
    channels: int
    sample_bytes: int = 1
    progressive: bool = False
    scans: int = 1
    scales: bool = False
    transparent: bool = False
    profiled: bool = False
    buffer_bytes: int = 0

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height
