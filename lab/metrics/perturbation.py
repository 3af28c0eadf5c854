"""Deletion and insertion curves: does a score follow the places that a map names?

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018. Places are
taken away, the best of the map first, and the score ought to fall at once; or put back into an empty picture, and it
ought to rise at once. What stands where a place was taken away decides much, so that there are two fillings: the
picture's mean colour and the picture blurred beyond recognition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from models.imaging.stretch import stretched
from models.types import Pixels

_BLUR = 0.05
"""Standard deviation of the blur, as a share of the picture's side: no object can be made out."""

Score = Callable[[Pixels], NDArray[np.floating]]
"""``(N, S, S, 3)`` uint8 to N scores."""


class Curves(NamedTuple):
    """The scores of one picture while places go or come back, ``(F, steps + 1)`` each for F fillings.

    Attributes:
        deletion: from the whole picture to nothing of it.
        insertion: from nothing of it to the whole picture.
    """

    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]


class Areas(NamedTuple):
    """Mean height of curves, over the fillings too.

    Attributes:
        raw: in units of the score.
        normalised: with each curve scaled to 0..1, its least score to its largest.
    """

    raw: float
    normalised: float


def fillings(pixels: Pixels) -> list[Pixels]:
    """Return what takes the place of parts of ``(S, S, 3)``: its mean colour, and the picture blurred."""
    picture = pixels.astype(np.float32)
    side = _BLUR * min(pixels.shape[:2])
    mean = np.broadcast_to(picture.mean(axis=(0, 1)), picture.shape)
    return [_whole_numbers(mean), _whole_numbers(gaussian_filter(picture, (side, side, 0)))]


def removal_order(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.int64]:
    """Return when each pixel's turn comes, ``(rows, columns)``: 0 where the map is highest; ties from the top left."""
    heights = stretched(values, rows, columns).ravel()
    turn = np.empty(heights.size, np.int64)
    turn[np.argsort(-heights, kind="stable")] = np.arange(heights.size)
    return turn.reshape(rows, columns)


def perturbation_curves(pixels: Pixels, values: NDArray[np.float32], score: Score, steps: int) -> Curves:
    """Score a picture ``(S, S, 3)`` as parts of it go and come back in the order of a map.

    Args:
        pixels: as the model takes it in.
        values: ``(h, w)``, the map; more is removed, and inserted, first.
        score: of the pictures; called once.
        steps: equal shares of the pixels.
    """
    turn = removal_order(values, *pixels.shape[:2])[:, :, None]
    cuts = [round(turn.size * step / steps) for step in range(steps + 1)]
    pictures, wholes = [pixels], fillings(pixels)
    for filling in wholes:
        pictures.append(filling)
        for cut in cuts[1:-1]:
            pictures += [np.where(turn < cut, filling, pixels), np.where(turn < cut, pixels, filling)]
    scores = np.asarray(score(np.stack(pictures)), np.float64)
    whole, rest = scores[:1], scores[1:].reshape(len(wholes), -1)
    empty, wholly = rest[:, :1], np.broadcast_to(whole, (len(wholes), 1))
    return Curves(
        deletion=np.concatenate([wholly, rest[:, 1::2], empty], axis=1),
        insertion=np.concatenate([empty, rest[:, 2::2], wholly], axis=1),
    )


def areas(curves: NDArray[np.float64]) -> Areas:
    """Return the mean height of F curves ``(F, K)``, by the trapezoid rule; a flat one counts one half, normalised."""
    least, span = curves.min(axis=1, keepdims=True), np.ptp(curves, axis=1, keepdims=True)
    scaled = np.where(span > 0, (curves - least) / np.where(span > 0, span, 1), 0.5)
    return Areas(_area(curves), _area(scaled))


def _area(curves: NDArray[np.float64]) -> float:
    return float((curves[:, 1:] + curves[:, :-1]).mean() / 2)


def _whole_numbers(picture: NDArray[np.float32]) -> Pixels:
    return picture.round().clip(0, 255).astype(np.uint8)
