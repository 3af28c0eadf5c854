"""Images and bombs drawn for tests: small files with a chosen structure."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def noise(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(pixels if channels > 1 else pixels[:, :, 0], mode)


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def png_bomb(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return png_of((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))


def lossless_webp_bomb(width: int, height: int) -> bytes:
    """Return 34 bytes that name a size, and hold one colour."""
    data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(8)
    return (
        b"RIFF" + struct.pack("<I", 4 + 8 + len(data) + 1) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data + b"\0"
    )


def with_segment(jpeg: bytes, marker: int, data: bytes) -> bytes:
    """Return a JPEG with one more segment before its first."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


def last_scan_repeated(jpeg: bytes, times: int) -> bytes:
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * times + b"\xff\xd9"
