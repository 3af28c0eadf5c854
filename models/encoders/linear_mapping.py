"""Loads ``linear-mapping`` (see ``models.encoders.linear_mapping_module``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.cards import EncoderCard
from models.encoders.compiled import CompiledDualEncoder
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.text.by_length import ByLength
from models.text.tokeniser import load_minilm_tokeniser

if TYPE_CHECKING:
    from models.backbones.frozen import FrozenTower


def load_encoder(card: EncoderCard, folder: Path, compiler: Compiler) -> CompiledDualEncoder:
    """Load both towers.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or over other parts than it was trained over.
    """

    @cache
    def maps() -> Any:
        from models.encoders.linear_mapping_module import load_maps

        return load_maps(card, folder)

    def image() -> Graph:
        from models.backbones.frozen import mean_tower_graph

        return mean_tower_graph(card, maps().image)

    def text() -> Graph:
        from models.encoders.linear_mapping_module import text_graph

        return text_graph(card, maps())

    tokenise = load_minilm_tokeniser()
    return CompiledDualEncoder(
        card,
        lambda: compiler.runner(f"{card.name}.image", card.made_of, image),
        lambda: ByLength(compiler.runner(f"{card.name}.text", card.made_of, text, of_texts=True), card.dimension),
        tokenise,
        words_read=tokenise.words_read,
    )


def load_image_tower(card: EncoderCard, folder: Path) -> FrozenTower:
    """Load the image half in torch, to explain it; raises as ``load_encoder``."""
    from models.backbones.frozen import mean_tower
    from models.encoders.linear_mapping_module import load_maps

    return mean_tower(card, load_maps(card, folder).image)
