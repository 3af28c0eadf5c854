"""Draws text images of which gradients reach the colours: the pixels of ``TextImages.draw``, many at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from models.text.text_image import BLANK, COLUMNS, FRAME, FRAMES, PITCH, SUPERPIXEL, SUPERPIXELS

NO_WORD = -1
"""In place of a word number behind the end of a sentence."""


def text_pages(numbers: Tensor, values: Tensor) -> Tensor:
    """Draw sentences as images of R rows, ``(N, PITCH R, PITCH COLUMNS, 3)``.

    Args:
        numbers: of their words, ``(N, COLUMNS R)``, ``NO_WORD`` behind their ends.
        values: of all words, ``(V, 75)`` of 0 to 255.
    """
    count, places = numbers.shape
    blank = torch.full_like(values[:1], BLANK)
    squares = torch.cat([values, blank]).reshape(-1, SUPERPIXELS, SUPERPIXELS, 3)  # the last is what NO_WORD finds
    frames = torch.where(numbers == NO_WORD, BLANK, torch.from_numpy(FRAMES[:places]))[:, :, None, None, None]
    drawn = frames.to(values.dtype).repeat(1, 1, PITCH, PITCH, 3)
    inner = squares[numbers].repeat_interleave(SUPERPIXEL, dim=2).repeat_interleave(SUPERPIXEL, dim=3)
    drawn[:, :, FRAME : PITCH - FRAME, FRAME : PITCH - FRAME] = inner
    rows = places // COLUMNS
    grid = drawn.reshape(count, rows, COLUMNS, PITCH, PITCH, 3).transpose(2, 3)
    return grid.reshape(count, rows * PITCH, COLUMNS * PITCH, 3)
