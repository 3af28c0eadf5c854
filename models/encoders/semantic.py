"""Loads ``semantic-v``, ``semantic-vt`` and ``wsabie`` (see ``models.encoders.semantic_module``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.backbones.region_layout import SCALES, region_maxima
from models.cards import EncoderCard
from models.encoders.compiled import CompiledDualEncoder
from models.imaging.scale import scale_smoothly
from models.imaging.transforms import inside_sides, picture_box
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.text.stem_bags import STEM_BAGS, StemBags, load_stem_bags
from models.types import Pixels, Vectors

if TYPE_CHECKING:
    from models.encoders.semantic_module import ImageTower


class RegionReader:
    """Compiled backbone and maxima: pictures of one shape, ``(B, H, W, 3)`` uint8, to ``(B, R, C)`` region maxima."""

    def __init__(self, backbone: Runner) -> None:
        self._backbone = backbone

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        """Read the regions of both scales."""
        maps = [self._backbone(at_scale(pixels, side)) for side in SCALES]
        return np.concatenate([region_maxima(each) for each in maps], axis=1)


def at_scale(pixels: Pixels, longer_side: int) -> Pixels:
    """Scale ``(B, H, W, 3)`` uint8 pixels to another longer side, both sides rounded to multiples of 32."""
    height, width = pixels.shape[1:3]
    rows, columns = inside_sides(height, width, longer_side)
    return pixels if (rows, columns) == (height, width) else scale_smoothly(pixels, rows, columns)


class ByShape:
    """Runs an image tower on squares whose pictures have different shapes: one batch a shape, without the padding.

    Args:
        embed: ``(B, H, W, 3)`` uint8 to ``(B, D)``.
        dimension: D.
    """

    def __init__(self, embed: Callable[[Pixels], Vectors], dimension: int) -> None:
        self._embed, self._dimension = embed, dimension

    def __call__(self, *inputs: NDArray[np.uint8]) -> Vectors:
        """Embed ``(N, S, S, 3)`` uint8 squares."""
        (squares,) = inputs
        vectors = np.empty((len(squares), self._dimension), np.float32)
        boxes = [picture_box(square) for square in squares]
        for box, rows in groupby(sorted(range(len(boxes)), key=boxes.__getitem__), key=boxes.__getitem__):
            top, left, height, width = box
            chosen = list(rows)
            cut = squares[chosen, top : top + height, left : left + width]
            vectors[chosen] = self._embed(np.ascontiguousarray(cut))
        return vectors


def load_encoder(card: EncoderCard, folder: Path, compiler: Compiler) -> CompiledDualEncoder:
    """Load both towers.

    Raises:
        CheckpointError: missing or damaged, not of this architecture, or trained over other parts.
    """
    bags = load_stem_bags(card.parts[STEM_BAGS])

    @cache
    def trained() -> Any:
        from models.encoders.semantic_module import load_backbone_of, load_semantic

        return load_semantic(card, folder, load_backbone_of(card).channels, len(bags))

    def backbone() -> Graph:
        from models.encoders.semantic_module import backbone_graph, load_backbone_of

        return backbone_graph(load_backbone_of(card))

    def regions() -> Graph:
        from models.encoders.semantic_module import region_graph

        return region_graph(trained())

    def text() -> Graph:
        from models.encoders.semantic_module import text_graph

        return text_graph(trained())

    def image_tower() -> Runner:
        read = RegionReader(
            compiler.runner(f"{card.name}.backbone", [*card.made_of, *card.options["backbones"]], backbone)
        )
        embed = compiler.runner(f"{card.name}.image", card.made_of, regions)
        return ByShape(lambda pixels: embed(read(pixels)), card.dimension)

    return CompiledDualEncoder(
        card,
        image_tower,
        lambda: compiler.runner(f"{card.name}.text", card.made_of, text, of_texts=True),
        _Tokenise(bags),
        words_read=lambda _text: None,  # a bag has room for all words
    )


def load_image_tower(card: EncoderCard, folder: Path) -> ImageTower:
    """Load the image half in torch, to explain it; raises as ``load_encoder``."""
    from models.encoders.semantic_module import image_tower

    return image_tower(card, folder, len(load_stem_bags(card.parts[STEM_BAGS])))


class _Tokenise:
    """Turns sentences into tf-idf vectors, each as a document of one sentence."""

    def __init__(self, bags: StemBags) -> None:
        self._bags = bags

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.float32]]:
        return (self._bags([[text] for text in texts]),)
