"""Does the model know which thing has which colour?

Two sorts of captions are compared with the true one by how they score with its own image. *Exchanged*: a caption of
just two colours with one in the other's place ("a black dog on a white rug": "a white dog on a black rug"); captions
that give both to one thing ("black and white") are left out. *Replaced*: a caption with its first colour changed to one
that no caption of the image has. *Preferred* is the share in which the true caption scores higher; a tie is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lab.evaluation.encoded import EncodedSet
from models.errors import InputError
from models.types import Vectors

COLOURS = ("black", "white", "red", "green", "yellow", "blue", "brown", "purple", "pink", "orange", "grey", "gray")
"""The basic colour terms (Berlin and Kay 1969), grey in both spellings."""
_COLOUR = re.compile(rf"\b({'|'.join(COLOURS)})\b", re.IGNORECASE)
_OF_ONE_THING = re.compile(r"[\s,/-]*(?:and|or|&|with|then)?[\s,/-]*")


class Altered(NamedTuple):
    """A caption, by its row, and the same with other colours."""

    row: int
    text: str


def evaluate_colours(
    encoded: EncodedSet, encode_texts: Callable[[Sequence[str]], Vectors], *, seed: int = 0
) -> dict[str, Any]:
    """Compare true captions with those of other colours.

    Args:
        encoded: the set.
        encode_texts: of the model that encoded it.
        seed: of the draw of the replacing colours.

    Raises:
        InputError: no caption has a colour, or none has two of two things.
    """
    captions, _ = encoded.data.flat_captions()
    sorts = {
        "exchanged": exchanged(captions),
        "replaced": replaced(captions, encoded.image_of_caption.tolist(), np.random.default_rng(seed)),
    }
    if missing := [name for name, altered in sorts.items() if not altered]:
        raise InputError(f"no caption has colours that could be {' or '.join(missing)}")
    return {name: _preferred(encoded, altered, encode_texts) for name, altered in sorts.items()}


def exchanged(captions: Sequence[str]) -> list[Altered]:
    """Return the captions of just two colours, of two things, with these exchanged."""
    altered = []
    for row, text in enumerate(captions):
        found = list(_COLOUR.finditer(text))
        if len(found) != 2 or found[0][0].lower() == found[1][0].lower():
            continue
        first, second = found
        between = text[first.end() : second.start()]
        if not _OF_ONE_THING.fullmatch(between):
            altered.append(Altered(row, text[: first.start()] + second[0] + between + first[0] + text[second.end() :]))
    return altered


def replaced(captions: Sequence[str], image_of_caption: Sequence[int], random: np.random.Generator) -> list[Altered]:
    """Return the captions with a colour, each with its first one changed to one that its image's captions lack."""
    named: dict[int, set[str]] = {}
    for text, image in zip(captions, image_of_caption, strict=True):
        named.setdefault(image, set()).update(colour.lower() for colour in _COLOUR.findall(text))
    altered = []
    for row, (text, image) in enumerate(zip(captions, image_of_caption, strict=True)):
        if named[image] & {"grey", "gray"}:
            named[image] |= {"grey", "gray"}
        others = [colour for colour in COLOURS if colour not in named[image]]
        if (found := _COLOUR.search(text)) and others:
            new = others[random.integers(len(others))]
            altered.append(Altered(row, text[: found.start()] + new + text[found.end() :]))
    return altered


def _preferred(
    encoded: EncodedSet, altered: Sequence[Altered], encode_texts: Callable[[Sequence[str]], Vectors]
) -> dict[str, Any]:
    from scipy.stats import binomtest

    rows = [each.row for each in altered]
    images = encoded.images[encoded.image_of_caption[rows]]
    true = (encoded.captions[rows] * images).sum(axis=1)
    false = (encode_texts([each.text for each in altered]) * images).sum(axis=1)
    right = int((true > false).sum())
    interval = binomtest(right, len(rows)).proportion_ci(confidence_level=0.95, method="wilson")
    return {
        "captions": len(rows),
        "preferred": right / len(rows),
        "interval": [float(interval.low), float(interval.high)],
    }
