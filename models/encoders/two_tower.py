"""Loads ``semblance-base``, and what else has its two towers (see ``models.encoders.two_tower_module``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.cards import EncoderCard, MatcherCard
from models.encoders.compiled import CompiledDualEncoder
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.text.by_length import ByLength
from models.text.tokeniser import MAX_TOKENS, TOKENISER, Tokeniser

if TYPE_CHECKING:
    from models.encoders.two_tower_module import ImageTower

FeatureHead = tuple[MatcherCard, Callable[[], Any]]
"""A matcher, and what loads the module that makes its features of the image tower's feature maps."""


def load_encoder(
    card: EncoderCard, folder: Path, compiler: Compiler, *, feature_heads: Sequence[FeatureHead] = ()
) -> CompiledDualEncoder:
    """Load both towers, with the heads of matchers on the image tower.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """

    @cache
    def towers() -> Any:
        from models.encoders.two_tower_module import load_two_tower

        return load_two_tower(card, folder)

    def image() -> Graph:
        from models.encoders.two_tower_module import image_graph

        return image_graph(towers(), [load() for _, load in feature_heads])

    def text() -> Graph:
        from models.encoders.two_tower_module import text_graph

        return text_graph(towers())

    matchers, tokenise = [matcher for matcher, _ in feature_heads], Tokeniser(folder / TOKENISER, MAX_TOKENS)
    hashes = [matcher.weights_sha256 for matcher in matchers]
    return CompiledDualEncoder(
        card,
        lambda: compiler.runner(f"{card.name}.image", [*card.made_of, *hashes], image),
        lambda: ByLength(compiler.runner(f"{card.name}.text", card.made_of, text, of_texts=True), card.dimension),
        partial(_with_lengths, tokenise),
        matchers,
        words_read=tokenise.words_read,
        reads_phrases=True,
    )


def _with_lengths(tokenise: Tokeniser, texts: Sequence[str], like: str | None = None) -> tuple[NDArray[np.int64], ...]:
    """Return ids, mask and lengths of texts; those that are left of one like it are read with its length."""
    ids, mask = tokenise(texts, like)
    lengths = (mask if like is None else tokenise([like])[1]).sum(axis=1)
    return ids, mask, np.broadcast_to(lengths, len(ids)).astype(np.int64)


def load_image_tower(card: EncoderCard, folder: Path) -> ImageTower:
    """Load the image half in torch, to explain it; raises as ``load_encoder``."""
    from models.encoders.two_tower_module import load_two_tower

    return load_two_tower(card, folder).image
