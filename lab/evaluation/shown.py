"""Whether a picture shows what was asked, told by all of its captions.

- A query of a few words is shown where the captions together have all of its content words, by stem.
- A caption, or several sentences, is shown where its tf-idf vector has a cosine of at least ``RELATED`` with that of
  the picture's captions, the relatedness of Gordo & Larlus (CVPR 2017); so does one picture show what another does.

Captions are silent on much that a picture shows, and say little that it does not: docs/evaluation.md tells how often
eyes agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.text.stems import stems

RELATED = 0.45

Mask = NDArray[np.bool_]


class Shown:
    """What N pictures show.

    Args:
        captions: for each of them.
    """

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self._captions = captions
        self._with_stem: dict[str, list[int]] = {}
        for image, own in enumerate(captions):
            for stem in {stem for caption in own for stem in stems(caption)}:
                self._with_stem.setdefault(stem, []).append(image)

    def words(self, text: str) -> Mask:
        """Return whether each picture shows all content words of a text, ``(N,)``; none does where there is no word."""
        asked = set(stems(text))
        found = np.zeros(len(self._captions), np.int64)
        for stem in asked:
            found[self._with_stem.get(stem, [])] += 1
        return np.asarray((found == len(asked)) & bool(asked))

    def sentences(self, text: str) -> Mask:
        """Return whether each picture shows what sentences say, ``(N,)``."""
        return self._related(self._tfidf.transform([(text,)]))

    def image(self, image: int) -> Mask:
        """Return whether each picture shows what one of them shows, ``(N,)``."""
        return self._related(self._vectors[image])

    def _related(self, vector: Any) -> Mask:
        cosines: NDArray[np.float32] = (self._vectors @ vector.T).toarray()[:, 0]
        return cosines >= RELATED

    @cached_property
    def _tfidf(self) -> Any:
        from lab.evaluation.tfidf import StemTfidf

        return StemTfidf().fit(self._captions)

    @cached_property
    def _vectors(self) -> Any:
        return self._tfidf.transform(self._captions)
