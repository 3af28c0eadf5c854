"""A query: what is searched by, which is of one kind, and the signed words beside it.

Every part of a query, its source and its modifiers, has

- ``label``: what the part's term is called in answers,
- ``weight``: of the part's vector in the composed query,
- ``text``: the words that are to be encoded to get that vector; None where the part is not made of words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from models.errors import QueryError
from models.text.spelling import Correction


@dataclass(frozen=True)
class Sentence:
    """A sentence to search by."""

    text: str
    weight: ClassVar[float] = 1.0
    kind: ClassVar[str] = "text"

    @property
    def label(self) -> str:
        """The sentence itself."""
        return self.text


@dataclass(frozen=True)
class ImageFile:
    """An image to search by, as the bytes of its file."""

    content: bytes = field(repr=False)
    label: ClassVar[str] = "image"
    weight: ClassVar[float] = 1.0
    text: ClassVar[str | None] = None
    kind: ClassVar[str] = "image"


@dataclass(frozen=True)
class CollectionImage:
    """An image of the searched collection to search by; it is not among its own results."""

    id: str
    label: ClassVar[str] = "image"
    weight: ClassVar[float] = 1.0
    text: ClassVar[str | None] = None
    kind: ClassVar[str] = "image"


@dataclass(frozen=True)
class Embedding:
    """A vector of the model's space to search by, of any length but zero."""

    values: tuple[float, ...]
    label: ClassVar[str] = "embedding"
    weight: ClassVar[float] = 1.0
    text: ClassVar[str | None] = None
    kind: ClassVar[str] = "embedding"


Source: TypeAlias = Sentence | ImageFile | CollectionImage | Embedding
"""What is searched by. A calibration is fitted for sources of one ``kind``."""


@dataclass(frozen=True)
class Modifier:
    """Words that pull the query towards what they mean (positive weight) or away from it (negative weight).

    Attributes:
        text: the words.
        weight: of their vector.
        source: the words of the sentence that say so, such as ``without people``; None where a sign says so.
    """

    text: str
    weight: float
    source: str | None = None

    @property
    def label(self) -> str:
        """The modifier as people write it: ``+beach``, ``-people``."""
        return f"{'-' if self.weight < 0 else '+'}{self.text}"


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Attributes:
        source: what is searched by; None where modifiers alone say what is searched for.
        modifiers: signed words.
        correction: of the words as they were written, where they were corrected.
        unknown: words that neither English nor the collection knows.

    Raises:
        QueryError: there is neither a source nor a modifier.
    """

    source: Source | None
    modifiers: tuple[Modifier, ...] = ()
    correction: Correction | None = None
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.parts:
            raise QueryError("The query has no source (words, an image or an embedding) and no modifier.")

    @property
    def is_foreign(self) -> bool:
        """Tell whether half of the sentence's words or more are unknown, as in another language."""
        return isinstance(self.source, Sentence) and 2 * len(self.unknown) >= len(self.source.text.split())

    @property
    def parts(self) -> list[Source | Modifier]:
        """Everything that has a vector: the source first, where there is one, and then the modifiers."""
        return [*([] if self.source is None else [self.source]), *self.modifiers]

    @property
    def words(self) -> list[str]:
        """The texts of all parts that are made of words, in the order of the parts: they have to be encoded."""
        return [part.text for part in self.parts if part.text is not None]

    @property
    def image_files(self) -> list[bytes]:
        """The contents of all parts that are image files, at most one: they have to be decoded and encoded."""
        return [part.content for part in self.parts if isinstance(part, ImageFile)]

    @property
    def kind(self) -> str:
        """The source's kind; where there are modifiers ``steered-text``, or ``steered-image`` beside a vector."""
        if self.source is None or (self.modifiers and isinstance(self.source, Sentence)):
            return "steered-text"
        return "steered-image" if self.modifiers else self.source.kind


@dataclass(frozen=True)
class Position:
    """A place in a search's results: the rank, the score and the row of the result there."""

    rank: int
    score: float
    row: int


@dataclass(frozen=True)
class Page:
    """The results ``offset`` to ``offset + k`` of a search, counted from 0; or the k that follow a position."""

    k: int
    offset: int = 0
    after: Position | None = None

    @property
    def end(self) -> int:
        """How many results this page and those before it hold."""
        return self.offset + self.k
