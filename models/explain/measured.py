"""How true the methods of explanation were found to be, for the weights that they were measured with."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.errors import CheckpointError
from models.shipped import weights_folder

FILE = "explanations.json"
"""Beside the weights; ``semblance evaluate explain --write`` writes it."""


def measured(model: str, weights_sha256: str, method: str) -> dict[str, dict[str, float]] | None:
    """Return figures by the set of photographs; None where the method was not measured with these weights.

    Raises:
        CheckpointError: the file of figures is damaged.
    """
    found = _figures(weights_folder(model) / FILE)
    if found.get("weights_sha256") != weights_sha256:
        return None
    return {name: one[method] for name, one in found["sets"].items() if method in one} or None


def write_measured(path: Path, weights_sha256: str, name: str, methods: dict[str, Any]) -> None:
    """Write the figures of one set of photographs beside those of others; figures of other weights go.

    Args:
        path: of the file.
        weights_sha256: of the model.
        name: of the set.
        methods: ``semblance evaluate explain``'s figures by the method.
    """
    found = _figures(path)
    sets = found["sets"] if found.get("weights_sha256") == weights_sha256 else {}
    sets = {**sets, name: {method: _short(of) for method, of in methods.items()}}
    content = {"weights_sha256": weights_sha256, "sets": dict(sorted(sets.items()))}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    _figures.cache_clear()


def _short(of: dict[str, Any]) -> dict[str, float]:
    """Return what an answer tells of a method."""
    return {
        "insertion_minus_deletion": round(of["insertion"]["raw"] - of["deletion"]["raw"], 4),
        "deletion_normalised": round(of["deletion"]["normalised"], 4),
        "insertion_normalised": round(of["insertion"]["normalised"], 4),
        "side_by_side": round(of["montage_2"]["mass"], 4),
        "mosaic": round(of["montage_4"]["mass"], 4),
        "unrelated_told": round(of["unrelated"]["told"], 4),
        "unrelated_falsely": round(of["unrelated"]["falsely"], 4),
    }


@lru_cache(maxsize=8)
def _figures(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no readable figures in {path.name}: {error}; measure again") from error
    return found
