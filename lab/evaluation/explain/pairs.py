"""Photographs with one of their captions each, put together for methods of explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from lab.data.captioned import CaptionedImages
from lab.data.pixels import Progress, prepared_batches
from lab.evaluation.explain.square_pictures import on_squares, seen
from models.composition import Term, compose
from models.errors import InputError
from models.evidence import ImageRole
from models.explain.words import encode_left_of
from models.protocols import DualEncoder, Match, SeenImage
from models.types import Pixels, Vectors

WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Pairs:
    """N photographs and a query for each.

    Attributes:
        encoder: whose scores are explained.
        rows: ``(N,)``, which images of the set they are.
        pixels: ``(N, S, S, 3)``, prepared.
        vectors: ``(N, D)`` of them.
        texts: of each a caption.
        unrelated: of each a sentence that has nothing to do with it: one half of them captions of other photographs,
            the other half sentences that describe no photograph.
    """

    encoder: DualEncoder
    rows: NDArray[np.int64]
    pixels: Pixels
    vectors: Vectors
    texts: Sequence[str]
    unrelated: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def match(self, pair: int) -> Match:
        """Return a photograph with its caption."""
        return match_of(self.encoder, self.texts[pair], self.pixels[pair], self.vectors[pair])

    def unrelated_match(self, pair: int) -> Match:
        """Return a photograph with the sentence that has nothing to do with it."""
        return match_of(self.encoder, self.unrelated[pair], self.pixels[pair], self.vectors[pair])


def match_of(encoder: DualEncoder, text: str, pixels: Pixels, vector: Vectors) -> Match:
    """Return the match of a sentence and a prepared picture ``(S, S, 3)`` with its vector ``(D,)``."""
    terms = [Term(text, encoder.encode_texts([text])[0], text=text)]
    left = encode_left_of(encoder)
    return Match(compose(terms), vector, images_of(encoder, pixels), encoder.encode_texts, encode_left=left)


def images_of(encoder: DualEncoder, pixels: Pixels) -> dict[ImageRole, SeenImage]:
    """Return the images of a match of a prepared picture ``(S, S, 3)``."""
    return {"result": SeenImage(seen(encoder, pixels), WHOLE)}


def draw_pairs(
    encoder: DualEncoder, data: CaptionedImages, count: int, seed: int, on_progress: Progress | None = None
) -> Pairs:
    """Draw photographs without repetition, and one of the captions of each; the pictures fill their squares.

    Raises:
        InputError: the set has fewer photographs, or not two.
    """
    if not 2 <= count <= len(data):
        raise InputError(f"--pairs {count}: the set has {len(data)} images, and two at least are needed")
    encoder, random = on_squares(encoder), np.random.default_rng(seed)
    rows = random.permutation(len(data))[:count]
    texts = [_one_of(data.captions[row], random) for row in rows]
    others = [_one_of(data.captions[rows[(pair + 1) % count]], random) for pair in range(count)]
    nothing = _about_no_photograph()
    unrelated = [nothing[pair // 2 % len(nothing)] if pair % 2 else others[pair] for pair in range(count)]
    prepared = prepared_batches(
        [data.files[row] for row in rows], encoder.card.preprocessing.size, encoder.prepare, on_progress
    )
    pixels = np.concatenate(list(prepared))
    return Pairs(encoder, rows, pixels, encoder.encode_images(pixels), texts, unrelated)


def _one_of(captions: Sequence[str], random: np.random.Generator) -> str:
    return captions[int(random.integers(len(captions)))]


def _about_no_photograph() -> list[str]:
    return (files(__package__) / "unrelated.txt").read_text(encoding="utf-8").splitlines()
