"""What an explanation consists of: where in the pictures, by which words, and from which terms a score comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.composition import SHOWN_DECIMALS

ImageRole = Literal["result", "query"]
"""Which image of a match: the one that was found, or the one that was searched by."""
Region = tuple[float, float, float, float]
"""A part of a photograph: left, top, right, bottom, as fractions of its width and height."""


@dataclass(frozen=True)
class EvidenceMap:
    """What each place of an image adds to the score.

    Attributes:
        values: ``(rows, columns)``, positive where the place speaks for the query, negative where it speaks against it;
            in units of the score where the method gives that.
        region: the part of the photograph that the rows and columns cover.
        image: on which it lies.
        term: label of the term of the query that it is of; None where it is of the whole query.
    """

    values: NDArray[np.float32]
    region: Region
    image: ImageRole = "result"
    term: str | None = None


@dataclass(frozen=True)
class WordSaliency:
    """One word of a text: where it stands, and what it adds.

    Attributes:
        word: as written.
        start: offset of its first character in the text.
        end: offset behind its last character.
        value: the score minus the score without the word; negative where the word speaks against the image.
        values: ``(rows, columns)``, what the word adds at each place of the result, where the method tells that.
    """

    word: str
    start: int
    end: int
    value: float
    values: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class TermWords:
    """What the words of one term of the query add to the score.

    Attributes:
        label: of the term.
        words: in the order of its text.
        together: what the score loses without any of them, less what it loses without each alone: what words have
            together and not alone.
        of: whose words they are: of the query, whose maps lie on the result, or of a caption that was found, whose maps
            lie on the image that was searched by.
    """

    label: str
    words: tuple[WordSaliency, ...]
    together: float = 0.0
    of: ImageRole = "query"


@dataclass(frozen=True)
class Evidence:
    """Why a result has its score.

    Attributes:
        maps: of the whole query, one on each image that the method looks at; a method may add those of single terms.
            There are none where a sentence found a caption.
        scale: the value of a map that is painted at full strength, 0 where nothing is to be painted; the same for all
            maps, so that they can be compared.
        words: of each term of the query that is made of words, in the query's order.
        contributions: ``(label, value)`` of each exact part of the score: of the query's terms, and of the matcher
            where one re-ranked.
        baseline: the score of a picture without evidence, from which the map of the whole query leads to the score;
            None where the method's maps do not add up to anything.
        unrelated: the method found the query to have nothing to do with the picture.
        unplaced: the part of the score that no place has, for it is of a matcher that sees pictures as a whole.
        of_matcher: the name of the matcher whose score maps and words are of; None where they are of the vectors'.
    """

    maps: tuple[EvidenceMap, ...]
    scale: float
    words: tuple[TermWords, ...]
    contributions: tuple[tuple[str, float], ...]
    baseline: float | None = None
    unrelated: bool = False
    unplaced: float = 0.0
    of_matcher: str | None = None

    @property
    def score(self) -> float:
        """The score that is explained, as a search gives it: the sum of the contributions."""
        return round(sum(value for _, value in self.contributions), SHOWN_DECIMALS)

    @property
    def silent(self) -> bool:
        """Whether nothing in the picture speaks for the query, by what the method says or because its map is empty."""
        return self.unrelated or (self.scale <= 0 and bool(self.maps))

    @property
    def rest(self) -> float | None:
        """What places have together and not alone: what has a place, less baseline and map; None without a baseline."""
        if self.baseline is None or self.image is None:
            return None
        return self.score - self.unplaced - self.baseline - float(self.whole(self.image).values.sum())

    @property
    def image(self) -> ImageRole | None:
        """The image that the score is found on: the result, or for a caption that of the query; None without any."""
        held = {found.image for found in self.maps if found.term is None}
        return "result" if "result" in held else "query" if held else None

    def whole(self, image: ImageRole = "result") -> EvidenceMap:
        """Return the map of the whole query on one image.

        Raises:
            LookupError: the method has not looked at that image.
        """
        for found in self.maps:
            if (found.image, found.term) == (image, None):
                return found
        raise LookupError(f"there is no map of the whole query on the {image} image")

    def strength(self, image: ImageRole = "result") -> NDArray[np.float32]:
        """Return how strongly to paint each place of one image, ``(rows, columns)`` in -1..1.

        Positive is for the query, negative against it; 1 is ``scale`` or more. Where the query has nothing to do with
        the picture, all is 0.

        Raises:
            LookupError: as ``whole``.
        """
        values = self.whole(image).values
        return np.zeros_like(values) if self.silent else (values / self.scale).clip(-1, 1)

    def heat(self, image: ImageRole = "result") -> NDArray[np.float32]:
        """Return what speaks for the query on one image, ``(rows, columns)`` in 0..1, where 1 is ``scale`` or more.

        Raises:
            LookupError: as ``whole``.
        """
        return self.strength(image).clip(min=0)
