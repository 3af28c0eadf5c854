"""A match that is to be explained, without what encodes: it can be handed to another process; and its explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from models.composition import ComposedQuery
from models.evidence import Evidence, ImageRole
from models.explain.blocks import BLOCKS
from models.explain.captions import explain_caption
from models.explain.words import EncodeLeft, encode_left_of
from models.explain.words_ahead import WordsAhead
from models.protocols import Match, Matcher, ModelLibrary, SeenImage
from models.types import Features, Vectors


@dataclass(frozen=True)
class ExplainTask:
    """A query, one result of it, and the method that is to explain its score.

    Attributes:
        model: whose vectors are compared.
        method: by name.
        query, vector, images, features: see ``Match``; the images as far as the method looks at them, of a caption's
            query alone.
        caption: the text of the result where that is a caption.
    """

    model: str
    method: str
    query: ComposedQuery
    vector: Vectors
    images: Mapping[ImageRole, SeenImage]
    features: Mapping[str, Features] = field(default_factory=dict)
    caption: str | None = None

    def match(
        self,
        encode_texts: Callable[[Sequence[str]], Vectors],
        encode_left: EncodeLeft | None = None,
        matcher: Matcher | None = None,
    ) -> Match:
        """Add what encodes, and the matcher that re-ranked the result."""
        return Match(self.query, self.vector, self.images, encode_texts, matcher, self.features, encode_left)


def explain(library: ModelLibrary, task: ExplainTask, threads: Executor) -> Evidence:
    """Explain the score that a result has by its vector.

    Args:
        library: gives the encoder and the explainer.
        task: what is to be explained.
        threads: encode the words beside what looks at the picture.
    """
    encoder = library.encoder(task.model, in_caller=True)
    texts = [*(term.text for term in task.query.terms), task.caption]
    match = task.match(encoder.encode_texts, WordsAhead(encode_left_of(encoder), texts, threads))
    if task.caption is None:
        return library.explainer(task.model, task.method).explain(match)
    return explain_caption(
        match,
        task.caption,
        lambda: library.explainer(task.model, task.method),
        BLOCKS.get(encoder.card.architecture, ()),
    )
