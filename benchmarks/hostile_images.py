"""Draws the worst files of each format: small, well-formed, and as slow or as large to decode as the limits allow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

_MB = 2**20


def worst_files() -> dict[str, bytes]:
    """Return the files by what they are."""
    return {name: draw() for name, draw in _DRAWN.items()}


def progressive_jpeg(side: int, scans: int) -> bytes:
    """Return a progressive JPEG whose last scan repeats: a few bytes for each pass over all of its coefficients."""
    content = _saved(Image.new("RGB", (side, side), (200, 30, 90)), "JPEG", progressive=True, quality=30)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + content[-2:]


def png(width: int, height: int, channels: int = 1, depth: int = 8) -> bytes:
    """Return a PNG of zeros; channels are 1 (grey), 3 (colours) or 4 (with transparency)."""
    packed, row = zlib.compressobj(9), bytes(1 + width * channels * depth // 8)
    data = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _many_scans() -> bytes:
    content = progressive_jpeg(6320, 1)
    scan = content[content.rindex(b"\xff\xda") : -2]
    return progressive_jpeg(6320, _MB // len(scan))


def _noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(5).integers(0, 256, (side, side, 3), np.uint8))


_DRAWN: dict[str, Callable[[], bytes]] = {
    "JPEG of 200 megapixels": lambda: _saved(Image.new("RGB", (14_000, 14_000), "red"), "JPEG", quality=30),
    "progressive JPEG, 1 MB of repeated scans": _many_scans,
    "progressive JPEG of 110 megapixels": lambda: progressive_jpeg(10_500, 1),
    "progressive JPEG of noise, 15 MB": lambda: _saved(_noise(3300), "JPEG", progressive=True, quality=90),
    "PNG of 40 megapixels": lambda: png(6300, 6300, 3),
    "PNG with transparency, 40 megapixels": lambda: png(6300, 6300, 4),
    "PNG in 16-bit grey, 40 megapixels": lambda: png(6300, 6300, 1, 16),
    "PNG of one row": lambda: png(39_000_000, 1),
    "lossless WebP of 40 megapixels": lambda: _saved(Image.new("RGB", (6300, 6300)), "WEBP", lossless=True),
    "GIF of 40 megapixels": lambda: _saved(Image.new("P", (6300, 6300)), "GIF"),
    "TIFF of 40 megapixels": lambda: _saved(Image.new("RGB", (6300, 6300)), "TIFF", compression="tiff_deflate"),
    "AVIF of 40 megapixels": lambda: _saved(Image.new("RGB", (6300, 6300)), "AVIF", speed=10),
    "HEIC of 40 megapixels": lambda: _saved(Image.new("RGB", (6300, 6300)), "HEIF"),
}
