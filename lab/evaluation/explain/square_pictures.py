"""An encoder that cuts pictures of any shape into patches, on square pictures: what is covered and put together here.

Such an encoder's input is a canvas that the picture does not fill. Half of a canvas is not half of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.cards import EncoderCard
from models.explain.words import encode_left_of
from models.imaging.transforms import fit_square
from models.protocols import DualEncoder
from models.types import Pixels, Vectors


class SquarePictures:
    """A ``DualEncoder`` whose prepared pictures are squares of as many patches as the encoder takes.

    Args:
        encoder: with ``fit="patches"``.
    """

    def __init__(self, encoder: DualEncoder) -> None:
        shape = encoder.card.preprocessing
        assert shape.patch and shape.max_patches  # noqa: S101 - of this form
        side = math.isqrt(shape.max_patches) * shape.patch
        self.card: EncoderCard = replace(encoder.card, preprocessing=replace(shape, size=side, fit="squash"))
        self._encoder = encoder
        self.encode_texts, self.words_read = encoder.encode_texts, encoder.words_read

    def prepare(self, pixels: Pixels) -> Pixels:
        """Squash ``(H, W, 3)`` to the square."""
        return fit_square(pixels, self.card.preprocessing)

    def encode_images(self, prepared: Pixels) -> Vectors:
        """Embed ``(N, S, S, 3)``."""
        return self._encoder.encode_images(np.stack([self.canvas(picture) for picture in prepared]))

    def encode_left(self, texts: Sequence[str], like: str) -> Vectors:
        """As the encoder does."""
        return encode_left_of(self._encoder)(texts, like)

    def canvas(self, picture: Pixels) -> Pixels:
        """Return what the encoder sees of a picture ``(S, S, 3)``."""
        return self._encoder.prepare(picture)


def on_squares(encoder: DualEncoder) -> DualEncoder:
    """Return an encoder of squares: the encoder itself, unless it cuts patches."""
    return SquarePictures(encoder) if encoder.card.preprocessing.fit == "patches" else encoder


def seen(encoder: DualEncoder, picture: Pixels) -> Pixels:
    """Return what methods of explanation see of a prepared picture ``(S, S, 3)``."""
    return encoder.canvas(picture) if isinstance(encoder, SquarePictures) else picture
