"""Which measures the report shows, and where their figures come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.modifiers import evaluate_modifiers
from lab.evaluation.pairwise import evaluate_pairwise
from lab.evaluation.relevance import TfidfRelevance
from lab.evaluation.report import sections
from lab.evaluation.report.sections import Figures, Section
from lab.evaluation.retrieval import evaluate_retrieval
from lab.evaluation.semantic import evaluate_semantic
from models.errors import InputError
from models.protocols import DualEncoder


@dataclass(frozen=True)
class Measure:
    """One measure of the report.

    Attributes:
        name: of its command and, with ``.json``, of its file of figures.
        section: shows its figures.
        evaluate: makes them; None where they only come from a file.
    """

    name: str
    section: Callable[[Figures], Section]
    evaluate: Callable[[DualEncoder, EncodedSet], Figures] | None = None


def _semantic(_: DualEncoder, encoded: EncodedSet) -> Figures:
    return evaluate_semantic(encoded, TfidfRelevance(encoded.data.captions))


def _modifiers(encoder: DualEncoder, encoded: EncodedSet) -> Figures:
    return evaluate_modifiers(encoded, encoder.encode_texts, TfidfRelevance(encoded.data.captions))


MEASURES = (
    Measure("retrieval", sections.retrieval_section, lambda _, encoded: evaluate_retrieval(encoded)),
    Measure("pairwise", sections.pairwise_section, lambda _, encoded: evaluate_pairwise(encoded)),
    Measure("semantic", sections.semantic_section, _semantic),
    Measure("modifiers", sections.modifiers_section, _modifiers),
    Measure("calibration", sections.calibration_section),
)
"""In the page's order."""


def evaluate_measures(encoder: DualEncoder, encoded: EncodedSet) -> dict[str, Figures]:
    """Measure all that can be measured here."""
    return {measure.name: measure.evaluate(encoder, encoded) for measure in MEASURES if measure.evaluate}


def read_figures(folder: Path) -> dict[str, Figures]:
    """Read ``NAME.json`` of each measure that has such a file.

    Raises:
        InputError: no such file at all, or one that is not JSON of an object.
    """
    files = {measure.name: folder / f"{measure.name}.json" for measure in MEASURES}
    figures: dict[str, Figures] = {name: _read(file) for name, file in files.items() if file.is_file()}
    if not figures:
        names = ", ".join(file.name for file in files.values())
        raise InputError(f"{folder} has no figures; `semblance evaluate NAME --output` writes them: {names}")
    return figures


def sections_of(figures: Mapping[str, Figures]) -> list[Section]:
    """Show the measures that have figures.

    Raises:
        InputError: figures without a value that their section shows, by name.
    """
    made = []
    for measure in MEASURES:
        if measure.name in figures:
            try:
                made.append(measure.section(figures[measure.name]))
            except KeyError as error:
                raise InputError(f"the figures of {measure.name} have no {error}; measure it again") from None
    return made


def _read(file: Path) -> dict[str, Any]:
    try:
        figures = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error}); write it again with `semblance evaluate`") from None
    if not isinstance(figures, dict):
        raise InputError(f"{file} holds {type(figures).__name__}, not the figures of a measure")
    return figures
