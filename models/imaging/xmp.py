"""Reads keywords, title and orientation of an XMP packet (ISO 16684-1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from models.imaging.iptc import Description
from models.imaging.plain_text import plain_text

_MAX_BYTES = 2**20
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_WORD_CHARS, _TITLE_CHARS, _MOST_WORDS = 120, 500, 2000
_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")


def read_xmp(xmp: bytes) -> Description | None:
    """Read a packet; None of garbage."""
    if not xmp:
        return Description()
    if len(xmp) > _MAX_BYTES or b"<!" in xmp:  # no document type, and with it no entities that grow
        return None
    try:
        root = ElementTree.fromstring(xmp.strip(b"\0 \r\n\t"))  # noqa: S314 - see above
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    return Description(
        title=next(_texts(root, "title", _TITLE_CHARS), None),
        description=next(_texts(root, "description", _TITLE_CHARS), None),
        tags=tuple(word for word, _ in zip(_texts(root, "subject", _WORD_CHARS), range(_MOST_WORDS), strict=False)),
    )


def xmp_orientation(xmp: bytes) -> int | None:
    """Return how the picture has to be turned, 1 to 8, where the packet tells."""
    found = _ORIENTATION.search(xmp)
    return int(found[1]) if found else None


def _texts(root: ElementTree.Element, name: str, most: int) -> Iterator[str]:
    """Yield the items of a Dublin Core property."""
    for element in root.iter(f"{_DUBLIN_CORE}{name}"):
        for item in element.iter(_ITEM):
            if text := plain_text(item.text, most):
                yield text
