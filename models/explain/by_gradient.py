"""What methods that need gradients have in common: torch, the image tower, and a map on each image of a match."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

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
        maps = self._on_result(result, match)
        scale = max(0.0, float(maps[0].values.max()))
        if (asked := match.images.get("query")) is not None:
            target = self._target(match.vector, match.query.terms[0].vector) * match.query.first_weight
            found = EvidenceMap(self._maps(asked.pixels, [target])[0], asked.region, "query")
            maps, scale = [maps[0], found, *maps[1:]], max(scale, float(found.values.max()))
        return Evidence(tuple(maps), scale, word_saliency(match, self._blocks), breakdown(match))

    def _on_result(self, result: SeenImage, match: Match) -> list[EvidenceMap]:
        """Return the map of the whole query, and where it has several terms, one of each.

        What speaks for a term that is taken away is negative, also where the method's maps are positive.
        """
        query = match.query
        several = len(query.terms) > 1
        signs = np.sign([term.weight for term in query.terms]).astype(np.float32) if several else ()
        parts = query.parts.astype(np.float32)
        targets = [query.vector, *(sign * part for sign, part in zip(signs, parts, strict=False))]
        whole, *terms = self._maps(result.pixels, [self._target(target, match.vector) for target in targets])
        named = zip(query.labels, signs, terms, strict=False)
        return [
            EvidenceMap(whole, result.region),
            *(EvidenceMap(sign * values, result.region, term=label) for label, sign, values in named),
        ]

    def _maps(self, prepared: Pixels, targets: Sequence[Vectors]) -> list[NDArray[np.float32]]:
        pixels = torch.from_numpy(np.ascontiguousarray(prepared)[None]).to(self._device)
        wanted = torch.from_numpy(np.stack(targets)).to(self._device)
        with self._lock, torch.enable_grad():
            return [np.asarray(one.detach().cpu()) for one in self.places(pixels, wanted)]

    @abstractmethod
    def places(self, pixels: Tensor, targets: Tensor) -> Iterable[Tensor]:
        """Explain inner products of one image's vector, by one pass of the tower.

        Args:
            pixels: ``(1, S, S, 3)`` uint8.
            targets: ``(T, D)``, with which the vector is multiplied.

        Returns:
            T maps ``(rows, columns)``.
        """
