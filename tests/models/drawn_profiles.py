"""Colour profiles written for tests, and what they should make of colours: an oracle beside Little CMS."""

from __future__ import annotations

import struct

import numpy as np

SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE_RGB = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
"""Linear colours to XYZ under D50."""

ADOBE_GAMMA = 563 / 256
_WHITE = (0.9642, 1.0, 0.8249)


def profile_of(to_xyz: np.ndarray, name: str, gamma: float = ADOBE_GAMMA) -> bytes:
    """Return an ICC profile, version 2, of three primaries and one gamma."""
    description = name.encode() + b"\0"
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    data = {
        b"desc": b"desc" + struct.pack(">II", 0, len(description)) + description + bytes(78),
        b"wtpt": _xyz(_WHITE),
        **{key: _xyz(to_xyz[:, number]) for number, key in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body, start = struct.pack(">I", len(data)), b"", 128 + 4 + 12 * len(data)
    for key, value in data.items():
        table += key + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    return head + bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in _WHITE)) + bytes(48) + table + body


def grey_profile(gamma: float) -> bytes:
    """Return an ICC profile, version 2, of grey."""
    coloured = profile_of(SRGB, "grey", gamma)
    return coloured[:16] + b"GRAY" + coloured[20:].replace(b"rTRC", b"kTRC")


def in_srgb(colour: tuple[int, int, int], to_xyz: np.ndarray, gamma: float = ADOBE_GAMMA) -> np.ndarray:
    """Return what an 8-bit colour of a profile is in sRGB, 0 to 255, clipped to what sRGB can show."""
    linear = (np.array(colour) / 255) ** gamma
    shown = np.clip(np.linalg.inv(SRGB) @ to_xyz @ linear, 0, 1)
    encoded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    return encoded * 255


def _xyz(values: np.ndarray | tuple[float, ...]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(float(value) * 65536) for value in values))
