"""What methods that need gradients have in common: torch, the image tower, and a map on each image of a match."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.words import word_saliency
from models.protocols import Match, SeenImage
from models.types import Pixels, Vectors

Target = Callable[[Vectors, Vectors], Vectors]
"""The query's vector and the image's to the one that is explained, ``(D,)`` each."""


def whole_query(query: Vectors, _image: Vectors) -> Vectors:
    """Return the query's vector: the whole inner product is explained."""
    return query


class ByGradient(ABC):
    """An ``Explainer``; calls from several threads wait for one another.

    What is painted at full strength is the largest value of any of its maps. Where an image was searched by, that has a
    map, too: the two change places, and the score is the share of the query's image. Each of several terms has a map.

    Args:
        tower: an image tower; a network in torch.
        device: that it runs on.
        blocks: of its vectors, see ``models.explain.blocks``.
        target: gives the vector whose inner product with the image's is explained.
    """

    looks_at = frozenset[ImageRole]({"result", "query"})

    def __init__(
        self, tower: object, *, device: str = "cpu", blocks: tuple[int, ...] = (), target: Target = whole_query
    ) -> None:
        self._device, self._blocks, self._target = torch.device(device), blocks, target
        if isinstance(tower, torch.nn.Module):
            tower.requires_grad_(False).to(self._device)
        self._lock = threading.Lock()

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``."""
        result = match.images["result"]
        maps = [EvidenceMap(self._map(result.pixels, self._target(match.query.vector, match.vector)), result.region)]
        if (asked := match.images.get("query")) is not None:
            target = self._target(match.vector, match.query.terms[0].vector) * match.query.first_weight
            maps.append(EvidenceMap(self._map(asked.pixels, target), asked.region, "query"))
        scale = max(0.0, *(float(found.values.max()) for found in maps))
        maps += self._term_maps(result, match)
        return Evidence(tuple(maps), scale, word_saliency(match, self._blocks), breakdown(match))

    def _term_maps(self, result: SeenImage, match: Match) -> list[EvidenceMap]:
        """Return a map for each of several terms; what speaks for a term that is taken away is negative."""
        query, maps = match.query, []
        for term, part in zip(query.terms if len(query.terms) > 1 else (), query.parts, strict=False):
            sign = np.float32(np.sign(term.weight))
            values = sign * self._map(result.pixels, self._target(sign * part.astype(np.float32), match.vector))
            maps.append(EvidenceMap(values, result.region, term=term.label))
        return maps

    def _map(self, prepared: Pixels, target: Vectors) -> NDArray[np.float32]:
        pixels = torch.from_numpy(np.ascontiguousarray(prepared)[None]).to(self._device)
        with self._lock, torch.enable_grad():
            return np.asarray(self.places(pixels, torch.from_numpy(target).to(self._device)).detach().cpu())

    @abstractmethod
    def places(self, pixels: Tensor, target: Tensor) -> Tensor:
        """Explain the inner product of the vector of ``(1, S, S, 3)`` pixels with ``(D,)``, as ``(rows, columns)``."""
