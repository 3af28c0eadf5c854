"""Pictures of any aspect ratio as a bounded number of square patches, as SigLIP2's variable-resolution form reads them.

Tschannen et al., "SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic Understanding, Localization,
and Dense Features", 2025, after Dehghani et al., "Patch n' Pack: NaViT", NeurIPS 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.imaging.scale import triangle_weights
from models.types import Pixels

LONGEST = 4
"""Times the shorter side: a longer picture is squashed to this ratio, so that a square of bounded size holds it."""


def canvas_side(patch: int, most: int) -> int:
    """Return the side in pixels of a square that holds every picture of at most ``most`` patches."""
    return patch * math.isqrt(LONGEST * most)


def patch_sides(height: int, width: int, patch: int, most: int) -> tuple[int, int]:
    """Return the sides, whole numbers of patches, to scale a picture to: the largest of at most ``most`` patches.

    The scale is searched for as the image processor of transformers does, so that both see the same pixels.
    """
    height, width = min(height, LONGEST * width), min(width, LONGEST * height)

    def sides(scale: float) -> tuple[int, int]:
        return tuple(max(1, math.ceil(side * scale / patch)) * patch for side in (height, width))  # type: ignore[return-value]

    low, high = 1e-6, 100.0
    while high - low >= 1e-5:
        middle = (low + high) / 2
        rows, columns = sides(middle)
        low, high = (middle, high) if rows * columns <= most * patch * patch else (low, middle)
    return sides(low)


def mark_corner(square: Pixels, rows: int, columns: int) -> None:
    """Make the last pixel of a picture in the upper left corner of ``(S, S, 3)`` other than 0: it tells the sides."""
    corner = square[rows - 1, columns - 1]
    np.maximum(corner, 1, out=corner)


def picture_sides(square: Pixels) -> tuple[int, int]:
    """Return the sides of a picture whose corner was marked; those of the square where there is none."""
    drawn = square.max(axis=2) > 0
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    return (int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else (square.shape[0], square.shape[1])


def cut_patches(squares: Pixels, patch: int, most: int, grid: int) -> Sequence[NDArray[np.uint8] | NDArray[np.float32]]:
    """Cut pictures ``(N, S, S, 3)`` into P = ``most`` patches each; what is missing is 0.

    Args:
        squares: pictures in the upper left corner, marked.
        patch: side of a patch, in pixels.
        most: P.
        grid: G, side of the grid of position embeddings that a model was trained with.

    Returns:
        Patches ``(N, P, patch * patch * 3)`` uint8; the mask ``(N, P)`` of real ones; and where each lies in the grid:
        weights of its rows and of its columns, ``(N, P, G)`` each, that interpolate it bilinearly, antialiased.
    """
    patches = np.zeros((len(squares), most, patch * patch * 3), np.uint8)
    mask = np.zeros((len(squares), most), np.float32)
    across, down = np.zeros((2, len(squares), most, grid), np.float32)
    for number, square in enumerate(squares):
        rows, columns = (side // patch for side in picture_sides(square))
        rows, columns = (rows, columns) if rows * columns <= most else (grid, grid)  # an empty square
        count = rows * columns
        cut = square[: rows * patch, : columns * patch].reshape(rows, patch, columns, patch, 3)
        patches[number, :count] = cut.transpose(0, 2, 1, 3, 4).reshape(count, -1)
        mask[number, :count] = 1
        down[number, :count] = np.repeat(triangle_weights(grid, rows), columns, axis=0)
        across[number, :count] = np.tile(triangle_weights(grid, columns), (rows, 1))
    return patches, mask, down, across
