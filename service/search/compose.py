"""The terms of a query: its parts, each with the vector that it is searched by."""

from __future__ import annotations

from collections.abc import Sequence

from models.composition import Term
from models.errors import QueryError
from models.types import Vectors
from service.search.query import Query


def terms_of(query: Query, words: Sequence[Vectors], source: Vectors | None) -> list[Term]:
    """Put a query and its vectors together.

    Args:
        query: whose terms are wanted.
        words: a vector ``(D,)`` for each of ``query.words``.
        source: the vector ``(D,)`` of what is searched by, where that is not a sentence.
    """
    vectors = list(words)
    if query.text is not None:
        first = Term(query.text, vectors.pop(0), text=query.text)
    elif source is not None:
        first = Term("image" if query.embedding is None else "embedding", source)
    else:
        raise QueryError("The query has no source: words, an image or an embedding.")
    modifiers = zip(query.modifiers, vectors, strict=True)
    return [first, *(Term(modifier.label, vector, modifier.weight, modifier.text) for modifier, vector in modifiers)]
