"""Turns each measure's figures into a section of the page: a table or two, and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from markupsafe import Markup

from lab.evaluation.report import plots

Figures = Mapping[str, Any]
"""What a measure returns, and what its command writes as JSON."""


class Block(Protocol):
    """A piece of a section, which ``templates/TEMPLATE`` shows as ``block``."""

    template: ClassVar[str]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: its id in the page's address.
        title: its heading.
        note: how to read it.
        blocks: what it shows, in order.
    """

    key: str
    title: str
    note: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows."""

    template: ClassVar[str] = "table.html"
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plots:
    """Inline SVGs by what they show."""

    template: ClassVar[str] = "plots.html"
    plots: Mapping[str, Markup]


def retrieval_section(figures: Figures) -> Section:
    """Show R@k, median and mean rank both ways."""
    columns = {"r@1": "R@1", "r@5": "R@5", "r@10": "R@10", "median_rank": "median rank", "mean_rank": "mean rank"}
    rows = []
    for direction in ("text_to_image", "image_to_text"):
        values = figures[direction]
        intervals = values.get("intervals", {})
        cells = [_figure(name, values[name], intervals.get(name)) for name in columns]
        rows.append([direction.replace("_", " "), *cells])
    note = (
        "R@k: how many percent of the queries find what belongs to them among the first k of all; ranks begin at 1, "
        "and a tie counts against the model. Below each figure its 95% interval, where it was measured."
    )
    return Section("retrieval", "Retrieval", note, [Table(["", *columns.values()], rows)])


def pairwise_section(figures: Figures) -> Section:
    """Show how often a caption prefers its own image to another."""
    low, high = figures["interval"]
    row = [_percent(figures["accuracy"]), f"{_percent(low)}–{_percent(high)}", f"{figures['samples']:,}"]
    note = "Of two images, one its own, how many percent of the captions score higher with their own; chance is 50."
    table = Table(["", "accuracy", "95% interval", "pairs"], [["caption, two images", *row]])
    return Section("pairwise", "Pairwise", note, [table])


def semantic_section(figures: Figures) -> Section:
    """Show NDCG and PCC over the rank, for each kind of query."""
    ranks = figures["ranks"]
    blocks: list[Block] = []
    for kind, rows in figures["queries"].items():
        means = [[row, _decimal(values["ndcg_area"]), _decimal(values["pcc_area"])] for row, values in rows.items()]
        drawn = {}
        for measure, start in (("ndcg", 0), ("pcc", 1)):  # nothing can correlate with one result
            lines = {row: values[measure][start:] for row, values in rows.items()}
            name, labels = f"{kind} {measure}", ("first results", measure.upper())
            drawn[f"{kind} queries: {labels[1]}"] = plots.curves(name, ranks[start:], lines, labels, log=True)
        blocks += [Table([f"{kind} queries", "NDCG, mean", "PCC, mean"], means), Plots(drawn)]
    note = (
        f"Is what comes first alike in meaning? Relevance is the {figures['relevance']} similarity of the images' "
        "captions. NDCG: gains of the order found over those of the best order. PCC: how scores and relevances "
        f"correlate. Means over the first 1 to {ranks[-1]} results (Gordo and Larlus 2017)."
    )
    return Section("semantic", "Semantic retrieval", note, blocks)


def modifiers_section(figures: Figures) -> Section:
    """Show what a signed word brings and what it leaves of the image, over its weight."""
    weight, rows, drawn = figures["default_weight"], [], {}
    for key, sign in (("plus", "+word"), ("minus", "−word")):
        side, chosen = figures[key], figures["at_default"][key]
        shown = side["before"], chosen["lift"], side["possible"], chosen["retention"]
        rows.append([f"image {sign}", *map(_percent, shown)])
        lines = {name: side[name] for name in ("lift", "retention")}
        drawn[f"image {sign}"] = plots.curves(key, figures["weights"], lines, ("weight", "fraction"), at=weight)
    note = (
        f"An image plus or minus a word, at the default weight {weight:g} (dotted). Before: percent of the first 10 "
        "results that have the word in a caption. Lift: how many points of these move the asked way; at most what the "
        "collection has. Retention: what is left of the NDCG@10 of the image alone."
    )
    table = Table(["query", "before", "lift", "possible lift", "retention"], rows)
    return Section("modifiers", "Modifiers", note, [table, Plots(drawn)])


def calibration_section(figures: Figures) -> Section:
    """Show whether confidence is a probability, and whether it tells that nothing matches."""
    rows, drawn = [], {}
    for way, values in figures["searches"].items():
        shown = [values[name] for name in ("expected_calibration_error", "confidence", "precision", "told_absent")]
        rows.append([way, *("-" if one is None else _decimal(one) for one in shown)])
        columns = [[one[name] for one in values["reliability"]] for name in ("confidence", "frequency", "count")]
        drawn[f"{way}; the larger a point, the more results"] = plots.reliability(f"{way} reliability", *columns)
    note = (
        "Of results with confidence c, a fraction c should show what was asked; the calibration error is the mean gap, "
        "on photographs that were not fitted on. Absent: of the searches for what is not there, the share where no "
        "result is possible, so that the answer says that nothing matches."
    )
    table = Table(["", "calibration error", "mean confidence", "precision", "absent told"], rows)
    return Section("calibration", "Calibration", note, [table, Plots(drawn)])


def _figure(name: str, value: float, interval: Sequence[float] | None) -> str:
    show = _percent if name.startswith("r@") else "{:.4g}".format
    return show(value) + (f"\n{show(interval[0])}–{show(interval[1])}" if interval else "")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _decimal(value: float) -> str:
    return f"{value:.3f}"
