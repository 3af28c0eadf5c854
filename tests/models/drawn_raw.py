"""A camera's raw file written for tests: a DNG with a small mosaic and a JPEG preview."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

from PIL import Image

_BYTE, _TEXT, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_LETTERS = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _SIGNED_RATIONAL: "i"}
Tag = tuple[int, int, Sequence[int] | bytes]


def dng(preview: bytes, orientation: int = 1, side: int = 256) -> bytes:
    with Image.open(io.BytesIO(preview)) as image:
        width, height = image.size
    mosaic = struct.pack("<H", 4000) * side * side
    first_size, second_size = (len(directory) for directory in _directories(b"", width, height, orientation, side, 0))
    starts = 8, 8 + first_size, 8 + first_size + second_size
    directories = _directories(preview, width, height, orientation, side, starts[2])
    return b"II*\0" + struct.pack("<I", 8) + b"".join(directories) + preview + bytes(len(preview) % 2) + mosaic


def _directories(preview: bytes, width: int, height: int, orientation: int, side: int, data: int) -> list[bytes]:
    identity = [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]
    shown: list[Tag] = [
        (0xFE, _LONG, [1]), (0x100, _LONG, [width]), (0x101, _LONG, [height]), (0x102, _SHORT, [8, 8, 8]),
        (0x103, _SHORT, [7]), (0x106, _SHORT, [6]), (0x10F, _TEXT, b"Maker\0"), (0x110, _TEXT, b"Maker One\0"),
        (0x111, _LONG, [data]), (0x112, _SHORT, [orientation]), (0x115, _SHORT, [3]), (0x116, _LONG, [height]),
        (0x117, _LONG, [len(preview)]), (0x132, _TEXT, b"2020:01:02 03:04:05\0"), (0x14A, _LONG, [0]),
        (0xC612, _BYTE, [1, 4, 0, 0]), (0xC614, _TEXT, b"Maker One\0"), (0xC621, _SIGNED_RATIONAL, identity),
        (0xC628, _RATIONAL, [1] * 6),
    ]  # fmt: skip
    second = 8 + len(_directory(shown, 8))
    shown[14] = (0x14A, _LONG, [second])
    sensed: list[Tag] = [
        (0xFE, _LONG, [0]), (0x100, _LONG, [side]), (0x101, _LONG, [side]), (0x102, _SHORT, [16]),
        (0x103, _SHORT, [1]), (0x106, _SHORT, [32803]), (0x111, _LONG, [data + (len(preview) + 1) // 2 * 2]),
        (0x115, _SHORT, [1]), (0x116, _LONG, [side]), (0x117, _LONG, [side * side * 2]), (0x828D, _SHORT, [2, 2]),
        (0x828E, _BYTE, [0, 1, 1, 2]),
    ]  # fmt: skip
    return [_directory(shown, 8), _directory(sensed, second)]


def _directory(tags: Sequence[Tag], at: int) -> bytes:
    """Return a directory that lies at a place, and behind it the values that are too long for it."""
    entries, long_values = struct.pack("<H", len(tags)), b""
    for tag, kind, values in tags:
        data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{_LETTERS[kind]}", *values)
        count = len(values) // (2 if kind in (_RATIONAL, _SIGNED_RATIONAL) else 1)
        entries += struct.pack("<HHI", tag, kind, count)
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", at + 2 + 12 * len(tags) + 4 + len(long_values))
            long_values += data + bytes(len(data) % 2)
    return entries + bytes(4) + long_values
