"""The queries that a model answers best and worst, as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.report.sections import Block, Section
from lab.evaluation.report.thumbnails import thumbnail_uri
from lab.metrics.ranking import best_ranks
from models.types import Vectors

_QUERIES = 5  # best and as many worst, each way
_ANSWERS = 5
_SIDE = 160  # pixels


@dataclass(frozen=True)
class Item:
    """A sentence, or the data URI of a picture."""

    text: str = ""
    image: str = ""


@dataclass(frozen=True)
class Answer:
    """One result: its score, and whether it belongs to the query."""

    item: Item
    score: float
    right: bool


@dataclass(frozen=True)
class Answered:
    """A query, the best placed of what belongs to it, and what came first."""

    query: Item
    wanted: Answer
    rank: int
    answers: Sequence[Answer]


@dataclass(frozen=True)
class Gallery:
    """Answered queries under a heading."""

    template: ClassVar[str] = "gallery.html"
    title: str
    queries: Sequence[Answered]


@dataclass(frozen=True)
class Direction:
    """One way to ask a captioned set.

    Attributes:
        title: of the way.
        queries: ``(Q, D)`` unit vectors.
        items: ``(N, D)`` unit vectors.
        relevant: for each query the rows of the items that belong to it.
        image_of_query: ``(Q,)``, for each query the row of its image.
        show_query: shows a query by its row.
        show_item: shows an item by its row.
    """

    title: str
    queries: Vectors
    items: Vectors
    relevant: Sequence[NDArray[np.int64]]
    image_of_query: NDArray[np.int64]
    show_query: Callable[[int], Item]
    show_item: Callable[[int], Item]

    def galleries(self) -> list[Block]:
        """Show the best and the worst queries."""
        ranks = best_ranks(self.queries, self.items, [own.tolist() for own in self.relevant])
        order = np.lexsort((-self._margins(), ranks))
        count = min(_QUERIES, len(np.unique(self.image_of_query)) // 2)
        return [
            Gallery(
                f"{self.title}, {name}",
                [self._answered(query, int(ranks[query])) for query in _one_an_image(rows, self.image_of_query, count)],
            )
            for name, rows in (("best", order), ("worst", order[::-1]))
        ]

    def _margins(self) -> NDArray[np.float32]:
        """Return for each query the best score of its own items less the best of the others."""
        margins = np.empty(len(self.queries), np.float32)
        for row, query in enumerate(self.queries):
            scores = self.items @ query
            own = scores[self.relevant[row]].max()
            scores[self.relevant[row]] = -np.inf
            margins[row] = own - scores.max()
        return margins

    def _answered(self, query: int, rank: int) -> Answered:
        scores = self.items @ self.queries[query]
        own = self.relevant[query]

        def answer(row: int) -> Answer:
            return Answer(self.show_item(row), float(scores[row]), row in own)

        first = np.argsort(-scores, kind="stable")[:_ANSWERS]
        return Answered(self.show_query(query), answer(own[scores[own].argmax()]), rank, [answer(row) for row in first])


def pictures_section(encoded: EncodedSet) -> Section:
    """Show the best and the worst queries each way.

    The best have rank 1 and the largest margin, the worst the highest rank and then the smallest margin.
    """
    captions = encoded.data.flat_captions()[0]

    def image(row: int) -> Item:
        return Item(image=thumbnail_uri(encoded.data.files[row], _SIDE))

    def caption(row: int) -> Item:
        return Item(text=captions[row])

    own_image = list(encoded.image_of_caption[:, None])
    to_image = Direction(
        "Text to image", encoded.captions, encoded.images, own_image, encoded.image_of_caption, caption, image
    )
    to_text = Direction(
        "Image to text", encoded.images, encoded.captions, encoded.captions_of_image,
        np.arange(len(encoded.images)), image, caption,
    )  # fmt: skip
    note = (
        "Best are queries whose own comes first by the largest margin over what is not their own; worst are those "
        "whose own comes last. At most one query an image. What belongs to the query is framed and ticked."
    )
    return Section("queries", "Best and worst queries", note, [*to_image.galleries(), *to_text.galleries()])


def _one_an_image(order: NDArray[np.int64], image_of_query: NDArray[np.int64], count: int) -> list[int]:
    """Return the first ``count`` queries in this order that are of different images."""
    first = np.unique(image_of_query[order], return_index=True)[1]
    return [int(row) for row in order[np.sort(first)[:count]]]
