"""The key of an image: the SHA-256 of its file without its metadata, so that an edit of a caption keeps it.

What is left out: of JPEG the application and comment segments before the picture, but for colour profiles and Adobe's
colour transform; of PNG the chunks of texts, time and EXIF; of WebP EXIF, XMP and what tells that they are there. How
the picture is turned counts: files that look different have different keys. Of every other file, and of one whose
structure is not as it should be, the key is the SHA-256 of all its bytes.

Keys are kept on disk and in addresses: what is hashed must never change (docs/decisions/0005-ids-without-metadata.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice

from indexer.ingest.orientation import exif_orientation, xmp_orientation

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_METADATA = {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"}
_PNG_XMP = b"XML:com.adobe.xmp\0"
_ANIMATED = 0x02
_SOI, _SOS, _COM, _APP0, _APP1, _APP2, _APP14, _APP15 = b"\xff\xd8", 0xDA, 0xFE, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}
_EXIF, _XMP, _ICC, _ADOBE = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"Adobe"
_MOST_PARTS = 100_000
"""Of one file; real ones have some thousands, and a walk over hostile ones has to end."""

_Part = tuple[bytes | memoryview, int | None]
"""What is hashed of a part of a file, and the turn, 1 to 8, that it tells."""


class _OddFileError(Exception):
    """The file's structure is not as it should be."""


def content_key(content: bytes) -> bytes:
    """Return the 32 bytes that the image in a file is known by; any bytes have a key."""
    parts = _parts_of(content)
    if parts is None:
        return hashlib.sha256(content).digest()
    digest, turn, count = hashlib.sha256(), None, 0
    try:
        for hashed, told in islice(parts(content), _MOST_PARTS):
            digest.update(hashed)
            turn, count = turn or told, count + 1
    except _OddFileError:
        count = _MOST_PARTS
    if count == _MOST_PARTS:
        return hashlib.sha256(content).digest()
    if turn in (None, 1):
        return digest.digest()
    # Of the digest, so that no bytes in a file can stand for a turn.
    return hashlib.sha256(digest.digest() + bytes([turn])).digest()


def _parts_of(content: bytes) -> Callable[[bytes], Iterator[_Part]] | None:
    if content.startswith(_SOI + b"\xff"):
        return _jpeg_parts
    if content.startswith(_PNG_SIGNATURE):
        return _png_parts
    return _webp_parts if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _jpeg_parts(content: bytes) -> Iterator[_Part]:
    """Yield the segments up to the first scan, which with all that follows is the last part; EXIF tells before XMP."""
    view, at, xmp = memoryview(content), len(_SOI), None
    yield _SOI, None
    while True:
        start = at
        at += len(content[at : at + 64]) - len(content[at : at + 64].lstrip(b"\xff")) - 1  # filling
        marker, size = content[at + 1 : at + 2], int.from_bytes(content[at + 2 : at + 4], "big")
        end = at + 2 + size
        if at < start or not marker or marker[0] in _WITHOUT_LENGTH or size < 2 or end > len(content):
            raise _OddFileError
        if marker[0] == _SOS:
            yield b"", xmp
            yield view[at:], None
            return
        data = content[at + 4 : end] if marker[0] == _APP1 else content[at + 4 : min(end, at + 32)]
        if marker[0] == _APP1 and data.startswith(_XMP):
            xmp = xmp or xmp_orientation(data)
        is_exif = marker[0] == _APP1 and data.startswith(_EXIF)
        hashed = b"" if _is_jpeg_metadata(marker[0], data) else view[start:end]
        yield hashed, exif_orientation(data[len(_EXIF) + 1 :]) if is_exif else None
        at = end


def _is_jpeg_metadata(marker: int, data: bytes) -> bool:
    if marker == _APP2:
        return not data.startswith(_ICC)
    if marker == _APP14:
        return not data.startswith(_ADOBE)
    return marker == _COM or _APP0 <= marker <= _APP15


def _png_parts(content: bytes) -> Iterator[_Part]:
    """Yield the chunks, and as the last part what follows them."""
    view, at, xmp = memoryview(content), len(_PNG_SIGNATURE), None
    yield _PNG_SIGNATURE, None
    kind = b""
    while kind != b"IEND":
        kind, end = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if len(kind) < 4 or end > len(content):
            raise _OddFileError
        if kind == b"iTXt" and content.startswith(_PNG_XMP, at + 8):
            xmp = xmp or xmp_orientation(content[at + 8 : end - 4])
        hashed = b"" if kind in _PNG_METADATA else view[at:end]
        yield hashed, exif_orientation(content[at + 8 : end - 4]) if kind == b"eXIf" else None
        at = end
    yield b"", xmp
    yield view[at:], None


def _webp_parts(content: bytes) -> Iterator[_Part]:
    """Yield a header of the size that the file would have without metadata, and its chunks."""
    view, at, xmp = memoryview(content), 12, None
    if int.from_bytes(content[4:8], "little") + 8 > len(content):
        raise _OddFileError
    kept: list[_Part] = []
    while at < len(content):
        kind, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if len(kind) < 4 or end > len(content) or len(kept) > _MOST_PARTS:
            raise _OddFileError
        data = view[at + 8 : at + 8 + size]
        if kind == b"EXIF":
            kept.append((b"", exif_orientation(bytes(data).removeprefix(_EXIF + b"\0"))))
        elif kind == b"XMP ":
            xmp = xmp or xmp_orientation(bytes(data))
            kept.append((b"", None))
        elif kind == b"VP8X":
            # Its flags repeat what the chunks tell, and its size what the picture tells, unless there are several.
            kept.append((data[4:] if size and data[0] & _ANIMATED else b"", None))
        else:
            kept.append((view[at:end], None))
        at = end
    yield b"RIFF" + (4 + sum(len(part) for part, _ in kept)).to_bytes(8, "little")[:4] + b"WEBP", None
    yield from kept
    yield b"", xmp
