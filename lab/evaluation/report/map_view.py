"""The map of images and captions as a block of the page: a picture that a script makes answer to the pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.embedding_map import EmbeddingMap
from lab.evaluation.encoded import EncodedSet
from lab.evaluation.report.sections import Section
from lab.evaluation.report.thumbnails import thumbnail_uris

SCALE = 4000
"""Side of the picture in its own units: whole numbers keep it small, and so many that it can be enlarged."""

_THUMBNAIL = 96  # pixels


@dataclass(frozen=True)
class MapView:
    """A scatter plot, each side one path of dots, in the order of ``content``.

    Attributes:
        images: the path's ``d``.
        captions: the path's ``d``.
        content: what the points stand for, for the script; None leaves the plot a picture.
    """

    template: ClassVar[str] = "map.html"
    scale: ClassVar[int] = SCALE
    images: str
    captions: str
    content: Mapping[str, Sequence[Any]] | None


def map_section(encoded: EncodedSet, plane: EmbeddingMap, *, pictures: bool) -> Section:
    """Show the map; ``pictures`` lets the points show their photograph or caption."""
    note = (
        f"{len(plane.image_rows):,} of the {len(encoded.images):,} images and their {len(plane.caption_rows):,} "
        "captions, laid out by t-SNE of cosine distances from a fixed seed. Neighbours are alike; the distance between "
        "groups says little."
    )
    content = _content(encoded, plane) if pictures else None
    return Section("map", "Map", note, [MapView(_dots(plane.images), _dots(plane.captions), content)])


def _content(encoded: EncodedSet, plane: EmbeddingMap) -> dict[str, list[Any]]:
    captions = encoded.data.flat_captions()[0]
    owners = np.searchsorted(plane.image_rows, encoded.image_of_caption[plane.caption_rows])
    return {
        "thumbnails": thumbnail_uris([encoded.data.files[row] for row in plane.image_rows], _THUMBNAIL),
        "captions": [captions[row] for row in plane.caption_rows],
        "imageOfCaption": owners.tolist(),
    }


def _dots(plane: NDArray[np.float64]) -> str:
    """Return a path of lines of no length, which round caps make dots."""
    across, down = np.rint(plane[:, 0] * SCALE).astype(int), np.rint((1 - plane[:, 1]) * SCALE).astype(int)
    return "".join(f"M{x} {y}h0" for x, y in zip(across, down, strict=True))
