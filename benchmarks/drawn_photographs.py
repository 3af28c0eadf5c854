"""Small pictures that a program draws: a collection whose content does not matter, only that it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE_PX = 96


def draw_photographs(folder: Path, count: int) -> list[Path]:
    """Draw so many pictures of coloured noise, each another, and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    files = []
    for number in range(count):
        coarse = random.integers(0, 256, (6, 6, 3), np.uint8)
        files.append(folder / f"{number:04}.jpg")
        Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(files[-1], quality=90)
    return files
