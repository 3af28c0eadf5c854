"""Captioned photographs in one small file, to be trained on at another place: WebP of a few kilobytes each.

One safetensors file: all pictures behind one another (``bytes``), where each of them ends (``ends``), and the sets with
their captions as JSON in its metadata.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from lab.data.captioned import CaptionedImages
from models.types import Pixels

SIZE = 224
_QUALITY = 18
"""Four kilobytes a picture: the 15,465 photographs of all sets take 60 MB with their captions."""


def pack(sets: Sequence[CaptionedImages], file: Path) -> None:
    """Write sets of photographs, each squashed to 224 x 224 pixels."""
    pictures = [_compress(path) for data in sets for path in data.files]
    described = [{"name": data.name, "captions": data.captions} for data in sets]
    tensors: dict[str, NDArray[Any]] = {
        "bytes": np.frombuffer(b"".join(pictures), np.uint8),
        "ends": np.cumsum([len(picture) for picture in pictures], dtype=np.int64),
    }
    save_file(tensors, file, {"sets": json.dumps(described)})


def unpack(file: Path, limit: int | None = None) -> tuple[Pixels, list[CaptionedImages]]:
    """Read photographs ``(N, 224, 224, 3)``, those of all sets behind one another, and the sets, without files.

    Args:
        file: that ``pack`` wrote.
        limit: of each set, only so many photographs.
    """
    with safe_open(file, "np") as stored:
        content, ends = stored.get_tensor("bytes"), stored.get_tensor("ends")
        described = json.loads(stored.metadata()["sets"])
    sets: list[CaptionedImages] = []
    rows: list[int] = []
    start = 0
    for one in described:
        count = len(one["captions"])
        kept = min(count, limit or count)
        names = tuple(Path(str(row)) for row in range(kept))
        sets.append(CaptionedImages(one["name"], names, tuple(map(tuple, one["captions"][:kept]))))
        rows += range(start, start + kept)
        start += count
    starts = np.concatenate([[0], ends[:-1]])
    with ThreadPoolExecutor() as pool:
        pixels = list(pool.map(lambda row: _expand(content[starts[row] : ends[row]]), rows))
    return np.stack(pixels), sets


def squashed_pixels(files: Sequence[Path]) -> Pixels:
    """Read photographs as they would be packed, without the loss: ``(N, 224, 224, 3)``."""
    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(lambda path: np.asarray(_squash(path)), files)))


def _squash(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def _compress(path: Path) -> bytes:
    stream = io.BytesIO()
    _squash(path).save(stream, "WEBP", quality=_QUALITY, method=4)
    return stream.getvalue()


def _expand(content: NDArray[np.uint8]) -> Pixels:
    with Image.open(io.BytesIO(content.tobytes())) as image:
        return np.asarray(image.convert("RGB"))
