"""Matches of a few numbers, for the tests of methods of explanation."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from models.composition import Term, compose
from models.evidence import ImageRole
from models.protocols import Match, Matcher, SeenImage
from models.types import Features, Pixels, Vectors

EVERYWHERE = (0.0, 0.0, 1.0, 1.0)


def vector(*values: float) -> Vectors:
    """Return numbers as a vector, of the length that they have."""
    return np.array(values, np.float32)


def no_texts(texts: Sequence[str]) -> Vectors:
    """Encode no text: for queries that have no words."""
    assert not texts
    return np.empty((0, 0), np.float32)


def toy_match(
    terms: Sequence[Term],
    found: Vectors,
    pixels: Pixels | None = None,
    encode_texts: Callable[[Sequence[str]], Vectors] = no_texts,
    matcher: Matcher | None = None,
    features: Mapping[str, Features] | None = None,
) -> Match:
    """Return the match of a query of these terms and a result of this vector, whose picture is seen whole."""
    images: dict[ImageRole, SeenImage] = {} if pixels is None else {"result": SeenImage(pixels, EVERYWHERE)}
    return Match(compose(terms), found, images, encode_texts, matcher, features or {})
