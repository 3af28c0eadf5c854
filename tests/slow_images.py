"""Small files that are slow or large to decode, drawn for tests."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def endless_jpeg(side: int = 2000, scans: int = 20_000) -> bytes:
    """Return a progressive JPEG whose last scan repeats: a few bytes for each pass over all its coefficients."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 90)).save(buffer, "JPEG", progressive=True, quality=30)
    content = buffer.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + content[-2:]


def png(width: int, height: int) -> bytes:
    """Return a PNG of one grey, whose rows unpack from almost nothing."""
    packed = zlib.compressobj(9)
    row = bytes(1 + width)
    data = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            (b"IDAT", data),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
