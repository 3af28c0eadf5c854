"""Computes the output of frozen layers for each training image once, and caches it on disk."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lab.data.pixels import read_batches
from lab.training.augment import training_view
from lab.training.cached_array import cached_array
from lab.training.device_views import random_views
from lab.training.squares import name_of, squares
from models.cards import Preprocessing
from models.imaging.decode import decode_image
from models.types import Pixels

_CHUNK = 512
_AT_ONCE = 256
"""Photographs, where views are drawn on a device."""


def cached_features(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    extract: Callable[[Pixels], NDArray[Any]],
    *,
    identity: str,
    cache: Path,
    view: int = 0,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float16]:
    """Return ``(N, ...)`` float16 features of N images, from the cache where they are there.

    Args:
        files: the images.
        preprocessing: how pixels become the extractor's input.
        extract: ``(B, S, S, 3)`` uint8 to ``(B, ...)`` floats.
        identity: names the extractor and its weights; another identity is another cache.
        cache: folder; a killed run goes on where it stopped, 512 images at a time.
        view: of each image (see ``training_view``).
        device: on any but the CPU, photographs are decoded once and random views are drawn there, by ``random_views``:
            a core draws 100 a second.
        on_progress: called with images done and total.
    """
    names = "\n".join(map(name_of, files))
    drawn = f"{view} drawn on {device}" if view > 1 and device != "cpu" else f"{view}"
    key = hashlib.sha256(f"{identity}\n{preprocessing.digest}\n{drawn}\n{names}".encode()).hexdigest()[:16]
    folder = cache / key

    def compute(part: Sequence[Path]) -> NDArray[np.float16]:
        if device == "cpu":
            views = _views(part, preprocessing, view)
        else:
            views = _device_views(
                squares(part, preprocessing, cache), view, device, seed=zlib.crc32(name_of(part[0]).encode())
            )
        return np.concatenate([extract(batch).astype(np.float16) for batch in views])

    chunks = []
    for start in range(0, len(files), _CHUNK):
        part = files[start : start + _CHUNK]
        chunks.append(cached_array(folder / f"{start:08d}.npy", partial(compute, part)))
        if on_progress:
            on_progress(min(start + _CHUNK, len(files)), len(files))
    return np.concatenate(chunks)


def _views(files: Sequence[Path], preprocessing: Preprocessing, view: int) -> Iterator[Pixels]:
    def read(file: Path) -> Pixels:
        pixels = decode_image(file.read_bytes(), shrink_to=preprocessing.size).pixels
        return training_view(pixels, view, zlib.crc32(name_of(file).encode()), preprocessing)

    yield from read_batches(files, read)


def _device_views(whole: Pixels, view: int, device: str, seed: int) -> Iterator[Pixels]:
    """Yield views of ``(N, S, S, 3)`` whole photographs; the first two are those of ``training_view``."""
    for start in range(0, len(whole), _AT_ONCE):
        pixels = whole[start : start + _AT_ONCE]
        if view < 2:
            yield pixels[:, :, ::-1] if view else pixels
            continue
        with torch.random.fork_rng():
            torch.manual_seed(hash((seed, view, start)))
            yield random_views(torch.from_numpy(pixels).to(device), pixels.shape[1]).cpu().numpy()
