"""What a matcher's architecture needs to load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.cards import MatcherCard
from models.errors import UnknownModelError
from models.inference.compiler import Compiler
from models.protocols import Matcher
from models.types import Features


class Score(Protocol):
    """Scores sentences with what a matcher keeps of images."""

    def __call__(self, text: str, features: Features) -> NDArray[np.float32]:
        """See ``Matcher.score``."""
        ...

    def pairs(self, texts: Sequence[str], features: Features) -> NDArray[np.float32]:
        """See ``Matcher.score_pairs``."""
        ...


class VectorHead(Protocol):
    """Maps a frozen backbone's vectors to the features that a matcher stores of images."""

    def __call__(self, vectors: NDArray[np.float32]) -> Features:
        """Map ``(N, C)`` to ``(N, *feature_shape)`` float16."""
        ...


class Members(Protocol):
    """Loads the matchers that another one is made of, by name."""

    def matcher(self, name: str) -> Matcher:
        """Return a matcher."""
        ...

    def vector_head(self, name: str) -> VectorHead:
        """Return what maps a frozen backbone's vectors to its features."""
        ...


class NoMembers:
    """The ``Members`` of a matcher that stands alone."""

    def matcher(self, name: str) -> Matcher:
        """Refuse."""
        raise UnknownModelError(f"no matcher {name!r} is at hand here")

    def vector_head(self, name: str) -> VectorHead:
        """Refuse."""
        raise UnknownModelError(f"no matcher {name!r} is at hand here")


@dataclass(frozen=True)
class MatcherSource:
    """Where a matcher is loaded from, and how it is to run.

    Attributes:
        card: of the matcher.
        folder: of its weights.
        compiler: compiles its graphs.
        members: loads the matchers that it is made of, if it is made of some.
    """

    card: MatcherCard
    folder: Path
    compiler: Compiler = field(default_factory=Compiler)
    members: Members = field(default_factory=NoMembers)
