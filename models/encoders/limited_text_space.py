"""Loads ``limited-text-space``, ``limited-text-space-single`` and ``vse``.

See ``models.encoders.limited_text_space_module``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.cards import EncoderCard
from models.encoders.compiled import CompiledDualEncoder
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary
from models.text.vocabulary import Vocabulary, split_words

if TYPE_CHECKING:
    from models.backbones.frozen import FrozenTower

MAX_WORDS = 40
"""Of a sentence; further ones are cut."""


class WordNumbers:
    """Turns sentences into rows of word numbers, closed by an end word as in Yu et al., and their mask."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return numbers and mask, ``(N, T)`` each."""
        numbers, mask = self._vocabulary.encode(texts, max_words=MAX_WORDS, ends=True)
        return numbers[:, 1:], mask[:, 1:]  # there is no start word

    def words_read(self, text: str) -> int | None:
        """See ``DualEncoder``."""
        return MAX_WORDS if len(split_words(text)) > MAX_WORDS else None


def load_encoder(card: EncoderCard, folder: Path, compiler: Compiler) -> CompiledDualEncoder:
    """Load both towers.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or trained over other parts.
    """

    @cache
    def space() -> Any:
        from models.encoders.limited_text_space_module import load_space

        return load_space(card, folder)

    def image() -> Graph:
        from models.backbones.frozen import mean_tower_graph
        from models.encoders.limited_text_space_module import load_image_backbone

        return mean_tower_graph(card, space().image, load_image_backbone(card, space()))

    def text() -> Graph:
        from models.encoders.limited_text_space_module import text_graph

        return text_graph(space())

    tokenise = WordNumbers(load_vocabulary(card.parts.get(WORD_VECTORS)))
    return CompiledDualEncoder(
        card,
        lambda: compiler.runner(f"{card.name}.image", card.made_of, image),
        lambda: compiler.runner(f"{card.name}.text", card.made_of, text, full_precision=True, of_texts=True),
        tokenise,
        words_read=tokenise.words_read,
    )


def load_image_tower(card: EncoderCard, folder: Path) -> FrozenTower:
    """Load the image half in torch, to explain it; raises as ``load_encoder``."""
    from models.backbones.frozen import mean_tower
    from models.encoders.limited_text_space_module import load_image_backbone, load_space

    space = load_space(card, folder)
    return mean_tower(card, space.image, load_image_backbone(card, space))
