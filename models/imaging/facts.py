"""What a file tells of its photograph beside the pixels, from EXIF, XMP and IPTC together."""

from __future__ import annotations

from dataclasses import replace

from models.imaging.exif import FileFacts, read_exif
from models.imaging.file_parts import FileParts
from models.imaging.iptc import Description, read_iptc
from models.imaging.xmp import read_xmp, xmp_orientation

_MOST_TAGS = 100
_FILLERS = {"olympus digital camera", "sony dsc", "dcim", "default", "digital camera", "kodak digital still camera"}
"""Descriptions that cameras write into every file."""


def read_facts(parts: FileParts) -> FileFacts:
    """Read the metadata of a file; whatever is garbage is passed over.

    A title goes before a description, and what people write with programs (XMP, IPTC) before what cameras write.
    """
    exif, iptc, xmp = read_exif(parts.exif), read_iptc(parts.iptc), read_xmp(parts.xmp)
    remarks = (*parts.remarks, exif.remark, None if xmp else "its XMP data cannot be read")
    xmp = xmp or Description()
    titles = (xmp.title, iptc.title, xmp.description, iptc.description, exif.title)
    words = dict.fromkeys((*xmp.tags, *iptc.tags, *exif.tags))  # most programs write them to each
    return replace(
        exif,
        orientation=exif.orientation or xmp_orientation(parts.xmp),
        title=next((title for title in titles if title and title.lower() not in _FILLERS), None),
        tags=tuple(words)[:_MOST_TAGS],
        remark="; ".join(filter(None, remarks)) or None,
    )
