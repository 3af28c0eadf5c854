"""What decoding one image may cost: most is judged from its header, before anything is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from models.errors import InputError


@dataclass(frozen=True)
class DecodeLimits:
    """What decoding one image may cost; each limit is set by ``SEMBLANCE_<NAME>``, in the service and the indexer.

    Attributes:
        max_pixels: width x height; the largest cameras have 150 megapixels, phones 200.
        max_progressive_pixels: the same of a JPEG in several scans, all of whose coefficients are held.
        max_side_px: the longer side; a JPEG's is at most 65,535.
        max_scans: of a JPEG: each costs a pass over the picture, however few bytes it has. Encoders write about 10.
        max_decode_bytes: memory. It bounds the formats that cannot be shrunk while they are decoded, by what their
            pixels take: 195 megapixels of PNG, 50 of WebP; and 120 megapixels of progressive JPEG take 740 MB of it.
        max_decode_cpu_s: seconds of a processor; where images are decoded in processes of their own, as the next.
        max_decode_s: seconds on the clock.
    """

    max_pixels: int = 200_000_000
    max_progressive_pixels: int = 120_000_000
    max_side_px: int = 65_535
    max_scans: int = 50
    max_decode_bytes: int = 800_000_000
    max_decode_cpu_s: int = 20
    max_decode_s: int = 60


DEFAULT_LIMITS = DecodeLimits()


def limits_from(environment: Mapping[str, str]) -> DecodeLimits:
    """Read the limits that environment variables set.

    Raises:
        InputError: a value is no whole number above 0.
    """
    chosen = {}
    for field in fields(DecodeLimits):
        text = environment.get(variable_of(field.name), "").strip()
        if text and not (text.isdecimal() and int(text) > 0):
            raise InputError(f"{variable_of(field.name)} is {text[:40]!r}: give a whole number above 0")
        if text:
            chosen[field.name] = int(text)
    return DecodeLimits(**chosen)


def variable_of(name: str) -> str:
    """Return the environment variable of a limit."""
    return f"SEMBLANCE_{name.upper()}"
