"""An image file taken apart: what its pixels need, and what it says beside them."""

from __future__ import annotations

from dataclasses import dataclass

MAX_METADATA_BYTES = 4 * 2**20
"""Of each kind of metadata; what is larger is not read. Real ones are mostly below 64 KB, printers' profiles 2 MB."""


@dataclass(frozen=True)
class FileParts:
    """The parts of an image file.

    Attributes:
        image: a file of the same format and the same pixels with nothing that only metadata needs: bad metadata can
            so not spoil good pixels.
        exif: TIFF structure, without a prefix; empty where there is none.
        xmp: XML packet.
        iptc: IPTC-IIM datasets.
        profile: ICC profile.
        is_upright: the decoder turns the picture by itself.
        remarks: what of the metadata is damaged or too large to be read.
    """

    image: bytes
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    profile: bytes = b""
    is_upright: bool = False
    remarks: tuple[str, ...] = ()
