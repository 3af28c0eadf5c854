"""Decodes damaged and altered images by the thousand: ``python benchmarks/mutated_images.py [--count 100000]``.

Small pictures of every format are altered at random places (bits, bytes, pieces taken out, doubled, put in from another
file) and decoded as the service and the indexer do, in processes with limits. Whatever comes of it must be a picture or
an ``ImageError``; a process that crashes is counted. Results go to ``benchmarks/results/mutated_images.csv``.
"""

from __future__ import annotations

import argparse
import io
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.figures import Figure, format_csv
from benchmarks.provenance import provenance
from models.errors import ImageError
from models.imaging.decode_pool import DecoderPool, Decoding

RESULTS = Path(__file__).parent / "results" / "mutated_images.csv"
_SIDE = 48
_AT_ONCE = 64
_CRASHED = "crashed"


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    figures = measure(parser.parse_args().count)
    RESULTS.write_text(format_csv(figures, provenance("python benchmarks/mutated_images.py")), encoding="utf-8")


def measure(count: int) -> list[Figure]:
    """Return what came of so many altered files, an equal share of each format."""
    originals = pictures()
    outcomes: Counter[str] = Counter()
    unexpected: Counter[str] = Counter()
    with DecoderPool(os.cpu_count() or 1) as pool:
        waiting: list[Decoding] = []
        for content in mutants(originals, count):
            waiting.append(pool.submit(content, shrink_to=32))
            if len(waiting) == _AT_ONCE:
                _judge(waiting, outcomes, unexpected)
        _judge(waiting, outcomes, unexpected)
    note = f"{count:,} files of {', '.join(originals)}"
    return [
        Figure("neither a picture nor an ImageError", sum(unexpected.values()), "files", "<= 0",
               ", ".join(unexpected) or note),
        Figure("a decoder crashed, and was replaced", outcomes.pop(_CRASHED, 0), "files", note=note),
        *(Figure(f"became {name}", number, "files") for name, number in sorted(outcomes.items())),
    ]  # fmt: skip


def pictures() -> dict[str, bytes]:
    """Return one small picture of each format, with metadata where there is a place for it."""
    random_ = np.random.default_rng(3)
    coarse = Image.fromarray(random_.integers(0, 256, (6, 6, 3), np.uint8)).resize((_SIDE, _SIDE))
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Camera One", 6
    kinds: dict[str, tuple[str, dict[str, object]]] = {
        "JPEG": ("JPEG", {"exif": exif}),
        "progressive JPEG": ("JPEG", {"progressive": True}),
        "PNG": ("PNG", {"exif": exif}),
        "WebP": ("WEBP", {"exif": exif}),
        "lossless WebP": ("WEBP", {"lossless": True}),
        "GIF": ("GIF", {}),
        "TIFF": ("TIFF", {"compression": "tiff_lzw"}),
        "BMP": ("BMP", {}),
        "AVIF": ("AVIF", {"speed": 10}),
        "HEIF": ("HEIF", {}),
    }
    drawn = {}
    for name, (kind, options) in kinds.items():
        buffer = io.BytesIO()
        coarse.save(buffer, kind, **options)
        drawn[name] = buffer.getvalue()
    return drawn


def mutants(originals: dict[str, bytes], count: int) -> Iterator[bytes]:
    """Yield altered files, of the formats in turns."""
    chance, files = random.Random(11), list(originals.values())
    for number in range(count):
        content = bytearray(files[number % len(files)])
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            _alter(content, chance, files)
        yield bytes(content)


def _alter(content: bytearray, chance: random.Random, others: list[bytes]) -> None:
    """Alter one place of a file."""
    start = chance.randrange(len(content)) if content else 0
    end = min(len(content), start + chance.choice((1, 2, 4, 16, 64)))
    kind = chance.randrange(6)
    if kind == 0 and content:
        content[start] ^= 1 << chance.randrange(8)
    elif kind == 1:
        content[start:end] = chance.randbytes(end - start)
    elif kind == 2:
        del content[start:end]
    elif kind == 3:
        content[start:start] = content[start:end]
    elif kind == 4:
        other = chance.choice(others)
        place = chance.randrange(len(other))
        content[start:end] = other[place : place + end - start]
    else:
        del content[max(start, 1) :]


def _judge(waiting: list[Decoding], outcomes: Counter[str], unexpected: Counter[str]) -> None:
    """Wait for decodings and count what came of them."""
    for decoding in waiting:
        error = decoding.exception()
        if error is None:
            outcomes["a picture"] += 1
        elif not isinstance(error, ImageError):
            unexpected[f"{type(error).__name__}: {error}"] += 1
        else:
            outcomes[_CRASHED if "crashed" in str(error) else type(error).__name__] += 1
    waiting.clear()


if __name__ == "__main__":
    main()
