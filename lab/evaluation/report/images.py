"""Images found by images, and by an image with a signed word (Gordo and Larlus 2017, figures 4 and 5), as pictures.

The queries are spread evenly over the set, so that nothing is chosen by how well it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.frequent_words import FrequentWords, frequent_words
from lab.evaluation.report.pictures import Item
from lab.evaluation.report.sections import Block, Section
from lab.evaluation.report.thumbnails import thumbnail_uri
from models.types import Vectors

_QUERIES = 6
_FOUND = 7
_SIDE = 120  # pixels
_WORDS = 200


@dataclass(frozen=True)
class Found:
    """What came first, by what."""

    by: str
    images: Sequence[Item]


@dataclass(frozen=True)
class Compared:
    """Query images under a heading, each with what several ways find."""

    template: ClassVar[str] = "compared.html"
    title: str
    queries: Sequence[tuple[Item, Sequence[Found]]]


def images_section(
    encoded: EncodedSet,
    encode_texts: Callable[[Sequence[str]], Vectors],
    imagenet: Vectors | None,
    weight: float,
) -> Section:
    """Show what images find.

    Args:
        encoded: the set, at least two images.
        encode_texts: of the model.
        imagenet: ``(N, F)`` features to compare with, if they are there.
        weight: of a signed word beside an image.
    """
    images = encoded.images
    queries = np.linspace(0, len(images) - 1, min(_QUERIES, len(images))).round().astype(int).tolist()

    def show(row: int) -> Item:
        return Item(image=thumbnail_uri(encoded.data.files[row], _SIDE))

    def found(by: str, scores: NDArray[np.float32], query: int) -> Found:
        order = np.argsort(-scores, kind="stable")
        return Found(by, [show(row) for row in order[order != query][:_FOUND]])

    rows: list[tuple[Item, Sequence[Found]]] = []
    for query in queries:
        before = [] if imagenet is None else [found("ImageNet features", imagenet @ imagenet[query], query)]
        rows.append((show(query), [*before, found(encoded.model, images @ images[query], query)]))
    words = frequent_words(encoded.data.captions, _WORDS)
    vectors = encode_texts(list(words.texts))
    steered: list[tuple[Item, Sequence[Found]]] = []
    for place, query in enumerate(queries):
        ways = [
            found(f"{sign}{words.texts[word]}", images @ (images[query] + signed * vectors[word]), query)
            for sign, signed, word in _signed_words(words, query, place, weight)
        ]
        steered.append((show(query), ways))
    note = (
        f"For each image the {_FOUND} others that come first, as in figures 4 and 5 of Gordo and Larlus 2017; the "
        "queries are spread evenly over the set. A word that is added is frequent in the set's captions and not in the "
        f"query's own; one that is taken away is. Its weight beside the image is {weight:g}."
    )
    blocks: list[Block] = [Compared("By an image", rows), Compared("By an image and a signed word", steered)]
    return Section("images", "Images by image", note, blocks)


def _signed_words(words: FrequentWords, query: int, place: int, weight: float) -> list[tuple[str, float, int]]:
    """Choose a frequent word that no caption of the query has, each query another, and one that has been said of it."""
    absent, own = np.flatnonzero(~words.present[query]), np.flatnonzero(words.present[query])
    chosen = []
    if len(absent):
        chosen.append(("+", weight, int(absent[place % len(absent)])))
    if len(own):
        chosen.append(("\N{MINUS SIGN}", -weight, int(own[0])))
    return chosen
