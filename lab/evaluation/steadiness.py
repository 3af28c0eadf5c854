"""How little a confidence changes where the question stays the same: capitals, quotes, a full stop, "a", plurals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lab.evaluation.asked import EncodeTexts
from lab.evaluation.calibration import Material
from models.calibration import BEST, Calibrations, Numbers, standing
from models.types import Vectors

VARIANTS: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "quotes": lambda text: f'"{text}"',
    "full stop": lambda text: f"{text}.",
    "article": lambda text: f"{'an' if text[0] in 'aeiou' else 'a'} {text}",
    "plural": lambda text: _plural(text),
}
_ONE_OF = ("article", "plural")
"""These are asked of nouns alone."""


def measure_steadiness(
    calibrations: Calibrations, material: Material, encode_texts: EncodeTexts
) -> dict[str, dict[str, Any]]:
    """Return how much each way to write a query changes the confidence in the photographs that it finds.

    The photographs are the ten best, among all that queries are made of, for the query as it was.
    """
    photographs = material.pool.vectors[material.pool.half >= 0]
    figures = {}
    for name, change in VARIANTS.items():
        nouns_only = name in _ONE_OF
        texts = [one.text for one in material.words if one.kind == "noun" or not nouns_only]
        if nouns_only:
            texts = [text for text in texts if not text.endswith("s")]
        before, after = encode_texts(texts), encode_texts([change(text) for text in texts])
        scores = before @ photographs.T
        found = np.argsort(-scores, axis=1, kind="stable")[:, :BEST]
        moved = np.abs(
            _confidence(calibrations, before, photographs, found) - _confidence(calibrations, after, photographs, found)
        )
        figures[name] = {
            "queries": len(texts),
            "mean": float(moved.mean()),
            "most of 95 %": float(np.quantile(moved, 0.95)),
            "most": float(moved.max()),
            "within 0.05": float((moved <= 0.05).mean()),
            "within 0.1": float((moved <= 0.1).mean()),
        }
    return figures


def _confidence(calibrations: Calibrations, queries: Vectors, photographs: Vectors, found: np.ndarray) -> Numbers:
    scores = np.einsum("qd,qrd->qr", queries, photographs[found])
    calibration = calibrations.kinds["text-to-image"]
    stood = standing(queries, calibrations.reference)
    return calibration.confidence(queries, stood, scores, len(photographs))


def _plural(noun: str) -> str:
    if noun.endswith(("ch", "sh", "x")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun[:-3] + "men" if noun.endswith("man") else f"{noun}s"
