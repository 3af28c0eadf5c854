"""Which images look different to this decoder than to an earlier one: only these need to be read again.

Revision 1 converts colour profiles to sRGB, puts transparent pictures on a ground that contrasts with them, and shrinks
what is no JPEG by whole factors as soon as it is decoded.
"""

from __future__ import annotations

from models.errors import ImageError
from models.imaging.cost import shrink_factor
from models.imaging.formats import DECODER_REVISION
from models.imaging.header import read_header
from models.imaging.profile import is_srgb
from models.imaging.split import split_file


def is_changed(content: bytes, since: int, shrink_to: int | None = None) -> bool:
    """Tell whether an image's pixels may differ from those that an earlier revision of the decoder gave.

    Nothing is decoded. Some images are named whose pixels do not differ, none that differs is left out.

    Args:
        content: of the file.
        since: the revision that decoded it, from the catalog.
        shrink_to: as of ``decode_image``.
    """
    if since >= DECODER_REVISION:
        return False
    try:
        header = read_header(content)
    except ImageError:
        return True
    if header.transparent or (not header.scales and shrink_factor(header, shrink_to) > 1):
        return True
    if not header.profiled:
        return False
    profile = split_file(content, header.format).profile
    return not (profile and is_srgb(profile))
