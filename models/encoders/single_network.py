"""Loads ``single-network`` and ``single-network-standard`` (see ``models.encoders.single_network_module``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.cards import EncoderCard
from models.checkpoint import foreign_weights, read_arrays
from models.encoders.compiled import CompiledDualEncoder
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary
from models.text.text_image import COLOURS, PITCH, TextImages

if TYPE_CHECKING:
    from models.encoders.single_network_module import SingleNetwork


class ByRows:
    """Runs text images, each cut to the rows that it needs: a sentence's vector depends on no other in its batch.

    Args:
        networks: compiled for images of an even and of an odd number of rows.
        width: of what they make of an image.
    """

    def __init__(self, networks: Sequence[Runner], width: int) -> None:
        self._networks, self._width = networks, width

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Embed images ``(N, H, W, 3)`` that need rows ``(N,)``, as ``(N, width)``."""
        images, rows = inputs
        vectors = np.empty((len(images), self._width), np.float32)
        for count in np.unique(rows):
            chosen = np.flatnonzero(rows == count)
            vectors[chosen] = self._networks[count % 2](images[chosen, : PITCH * count])
        return vectors


def load_encoder(card: EncoderCard, folder: Path, compiler: Compiler) -> CompiledDualEncoder:
    """Load the network for photographs, and for text images of an even and of an odd number of rows.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or trained over other parts.
    """

    @cache
    def network() -> Any:
        from models.encoders.single_network_module import load_network

        return load_network(card, folder)

    def photograph() -> Graph:
        from models.encoders.single_network_module import photograph_graph

        return photograph_graph(card, network())

    def pages(odd: bool) -> Graph:
        from models.encoders.single_network_module import page_graph

        return page_graph(network(), odd)

    def text_networks() -> list[Runner]:
        named = ((f"{card.name}.text-even", False), (f"{card.name}.text-odd", True))
        # in float32: words are told apart by small differences in colour, of which bfloat16 loses too much
        return [compiler.runner(name, card.made_of, partial(pages, odd), full_precision=True) for name, odd in named]

    stored = read_arrays(folder, card)
    if COLOURS not in stored:
        raise foreign_weights(card)
    draw = TextImages(load_vocabulary(card.parts.get(WORD_VECTORS)), stored[COLOURS])
    return CompiledDualEncoder(
        card,
        lambda: compiler.runner(f"{card.name}.image", card.made_of, photograph),
        lambda: ByRows(text_networks(), card.dimension),
        draw,
        words_read=draw.words_read,
    )


def load_image_tower(card: EncoderCard, folder: Path) -> SingleNetwork:
    """Load the network in torch, to explain it; raises as ``load_encoder``."""
    from models.encoders.single_network_module import load_network

    return load_network(card, folder)
