"""What is made of raw timings: percentiles, medians, ratios, and the CSV rows that hold them."""

from __future__ import annotations

import csv
import io
import operator
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_COMPARISONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt, ">": operator.gt}


@dataclass(frozen=True)
class Figure:
    """One measured quantity.

    Attributes:
        name: what was measured.
        value: rounded only where it is printed.
        unit: of the value; ``ratio`` where it has none.
        aim: such as ``>= 0.85``; empty where the figure has none.
        note: how it was measured, where the name does not say it.
    """

    name: str
    value: float
    unit: str
    aim: str = ""
    note: str = ""

    @property
    def met(self) -> str:
        """``yes`` or ``no``; empty without an aim."""
        if not self.aim:
            return ""
        sign, limit = self.aim.split()
        return "yes" if _COMPARISONS[sign](self.value, float(limit)) else "no"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which ``percent`` of the values lie, interpolated between the two nearest."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median_ratio(whole: Sequence[float], part: Sequence[float]) -> float:
    """Return the median over rounds of ``whole / part``, each pair of one round: drift hits both alike."""
    return statistics.median(w / p for w, p in zip(whole, part, strict=True))


def between(points: Sequence[float]) -> list[float]:
    """Return the mean of each two neighbours: what held while something else ran between two measurements."""
    return [(a + b) / 2 for a, b in pairwise(points)]


def latency_figures(name: str, seconds: Sequence[float]) -> list[Figure]:
    """Return p50, p95 and p99 in milliseconds."""
    return [Figure(f"{name}, p{percent}", percentile(seconds, percent) * 1e3, "ms") for percent in (50, 95, 99)]


def format_csv(figures: Sequence[Figure], provenance: Mapping[str, str]) -> str:
    """Return one row a figure, each with all of the provenance."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "value", "unit", "aim", "met", "note", *provenance])
    for f in figures:
        writer.writerow([f.name, f"{f.value:.5g}", f.unit, f.aim, f.met, f.note, *provenance.values()])
    return text.getvalue()


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read any of the result files."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def write_rows(path: Path, heading: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write a result file anew."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, heading, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
