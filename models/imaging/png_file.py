"""Reads the structure of a PNG file (W3C, Portable Network Graphics, third edition)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress

from models.errors import ImageError
from models.imaging.file_parts import MAX_METADATA_BYTES, FileParts
from models.imaging.image_header import ImageHeader

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WITH_ALPHA = {4, 6}
_OF_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_MOST_CHUNKS = 5000
"""Before the pixels."""
_MAX_UNPACKED_BYTES = 2 * 2**20
_XMP = b"XML:com.adobe.xmp\0"


def read_png_header(content: bytes) -> ImageHeader:
    """Read the header of a PNG.

    Raises:
        ImageError: it has none, or more chunks before its pixels than any real file.
    """
    header = content[16:26]
    if content[12:16] != b"IHDR" or len(header) < 10 or header[9] not in _CHANNELS:
        raise ImageError("the image is damaged or truncated (a PNG without a header)")
    kinds = set()
    for number, (kind, _, _) in enumerate(_chunks(content)):
        if number > _MOST_CHUNKS:
            raise ImageError(f"the image is damaged (a PNG of more than {_MOST_CHUNKS:,} chunks before its pixels)")
        if kind == b"IDAT":
            break
        kinds.add(kind)
    return ImageHeader(
        format="PNG",
        width=int.from_bytes(header[:4], "big"),
        height=int.from_bytes(header[4:8], "big"),
        channels=_CHANNELS[header[9]],
        sample_bytes=2 if header[8] == 16 else 1,
        transparent=header[9] in _WITH_ALPHA or b"tRNS" in kinds,
        profiled=b"iCCP" in kinds,
    )


def split_png(content: bytes) -> FileParts:
    """Take a PNG apart."""
    kept: list[bytes | memoryview] = [SIGNATURE]
    unpacker, exif, xmp, profile = _Unpacker(), b"", b"", b""
    for kind, start, end in _chunks(content):
        data = memoryview(content)[start + 8 : max(start + 8, end - 4)]
        if kind in _OF_PIXELS:
            kept.append(memoryview(content)[start:end])
        elif kind == b"eXIf" and len(data) <= MAX_METADATA_BYTES:
            exif = exif or bytes(data)
        elif kind == b"iCCP":
            profile = profile or unpacker.unpack(bytes(data).partition(b"\0")[2][1:])  # behind its name and method
        elif kind == b"zTXt":
            unpacker.unpack(bytes(data).partition(b"\0")[2][1:])
        elif kind == b"iTXt" and data[: len(_XMP)] == _XMP:
            xmp = xmp or _international_text(bytes(data), unpacker)
    remarks = ("its packed texts or colours are damaged or too large to be read",) if unpacker.has_failed else ()
    return FileParts(b"".join(kept), exif=exif, xmp=xmp, profile=profile, remarks=remarks)


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk; the last one may be cut off."""
    at = len(SIGNATURE)
    while at + 8 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        yield content[at + 4 : at + 8], at, min(end, len(content))
        at = end


def _international_text(data: bytes, unpacker: _Unpacker) -> bytes:
    """Return the text of an iTXt chunk: keyword, whether it is packed, method, language, translated keyword, text."""
    _, _, rest = data.partition(b"\0")
    text = rest[2:].split(b"\0", 2)[-1]
    return unpacker.unpack(text) if rest[:1] == b"\1" else text


class _Unpacker:
    """Unpacks the zlib data of one file, within a bound for all together."""

    def __init__(self) -> None:
        self._left = _MAX_UNPACKED_BYTES
        self.has_failed = False

    def unpack(self, data: bytes) -> bytes:
        """Return what is packed; nothing where it is damaged or too large."""
        unpacker, unpacked = zlib.decompressobj(), b""
        if self._left:
            with suppress(zlib.error):
                unpacked = unpacker.decompress(data, self._left)
        self._left -= len(unpacked)
        self.has_failed |= not unpacker.eof
        return unpacked if unpacker.eof else b""
