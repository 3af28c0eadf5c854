"""Draws plots as inline SVG: text stays text, colours are the page's, and nothing changes from run to run."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Series = Mapping[str, Sequence[float]]

# Okabe and Ito's colours for every kind of colour vision; a line's dashes tell it apart where there is no colour.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_DASHES = ("-", "--", "-.", ":")
_INK, _RULE = "#1c1c1a", "#dfddd6"
_PAGE_COLOURS = {
    _INK: "currentColor",
    _RULE: "var(--line)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(_COLOURS, start=1)},
}
_SIZE = (3.9, 2.9)  # inches; about a phone's width, so that a phone shows the text at its own size
_STYLE: Any = {  # matplotlib types the keys as literals
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "figure.constrained_layout.use": True,
}


def curves(
    name: str, x: Sequence[float], lines: Series, labels: tuple[str, str], *, log: bool = False, at: float | None = None
) -> Markup:
    """Draw lines over a common x.

    Args:
        name: of the plot; it makes the ids in the SVG its own, for several share a page.
        x: ascending.
        lines: values by their names in the legend, at most four.
        labels: of the x and the y axis.
        log: make x logarithmic.
        at: mark this x.
    """
    with _figure(name, labels) as (figure, axes):
        for (label, values), colour, dash in zip(lines.items(), _COLOURS, _DASHES, strict=False):
            axes.plot(x, values, dash, color=colour, label=label)
        if log:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
        if at is not None:
            axes.axvline(at, color=_INK, linewidth=0.8, linestyle=":")
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(bottom=min(0, *map(min, lines.values())))
        figure.legend(loc="outside upper left", ncols=2)
        return _inline(figure, name)


def reliability(name: str, confidence: Sequence[float], frequency: Sequence[float], count: Sequence[int]) -> Markup:
    """Draw how often results of a confidence are relevant; the area of a point is the number of results behind it."""
    with _figure(name, ("confidence", "relevant")) as (figure, axes):
        axes.plot([0, 1], [0, 1], ":", color=_INK, linewidth=1, label="as it should be")
        axes.plot(confidence, frequency, "-", color=_COLOURS[0], label="measured")
        axes.scatter(confidence, frequency, [6 + 90 * n / max(count) for n in count], color=_COLOURS[0])
        axes.set(xlim=(0, 1), ylim=(0, 1))
        figure.legend(loc="outside upper left", ncols=2)
        return _inline(figure, name)


def save_semantic_curves(figures: Mapping[str, Any], path: Path) -> None:
    """Write NDCG and PCC over the first R results as a picture, PNG or SVG by the file's name.

    Args:
        figures: of ``evaluate_semantic``.
        path: of the picture.
    """
    ranks = figures["ranks"]
    by_image, with_text = figures["queries"]["image"], figures["queries"]["image+text"]
    model = next(iter(by_image))
    lines = {name: row for name, row in by_image.items() if not name.endswith("(oracle)")}
    lines[f"{model}, image + text"] = with_text[model]
    with _figure("semantic", fonttype="path") as (figure, axes):
        figure.set_size_inches(8.4, 3.8)
        axes.remove()
        for panel, (measure, start) in zip(figure.subplots(1, 2), (("ndcg", 0), ("pcc", 1)), strict=True):
            for (name, row), style in zip(lines.items(), cycle(product(_DASHES[:2], _COLOURS)), strict=False):
                panel.plot(ranks[start:], row[measure][start:], style[0], color=style[1], label=name)
            panel.set_xscale("log", base=2)
            panel.xaxis.set_major_formatter("{x:g}")
            panel.set(xlabel="first results", ylabel=measure.upper())
        figure.legend(*panel.get_legend_handles_labels(), loc="outside upper center", ncols=3)
        figure.savefig(path, metadata={"Date": None}, facecolor="white", dpi=130)


def save_scatter(points: Mapping[str, Any], path: Path, title: str) -> None:
    """Write points ``(n, 2)`` in 0..1 by their names in the legend as a picture, PNG or SVG by the file's name."""
    with _figure("map", fonttype="path") as (figure, axes):
        figure.set_size_inches(8, 8.4)
        for (label, plane), colour, marker in zip(points.items(), _COLOURS, "os", strict=False):
            axes.plot(*plane.T, marker, color=colour, markersize=2.4, markeredgewidth=0, label=label)
        axes.set_axis_off()
        axes.set(aspect="equal", title=title)
        figure.legend(loc="outside lower center", ncols=2, markerscale=3)
        figure.savefig(path, metadata={"Date": None}, facecolor="white", dpi=110, bbox_inches="tight")


@contextmanager
def _figure(name: str, labels: tuple[str, str] = ("", ""), fonttype: str = "none") -> Iterator[tuple[Figure, Axes]]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and chooses a window system

    with rc_context({**_STYLE, "svg.hashsalt": name, "svg.fonttype": fonttype}):  # ids are hashes, not random
        figure = Figure(figsize=_SIZE)
        axes = figure.add_subplot()
        axes.set(xlabel=labels[0], ylabel=labels[1])
        yield figure, axes


def _inline(figure: Figure, name: str) -> Markup:
    """Return the figure as an ``<svg>`` that scales with the page and takes its colours and typeface."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)  # a style would rule the whole page
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{name}">', svg, count=1)
    svg = re.sub(r' id="[\w.]+_\d{1,3}"', "", svg)  # figure_1, axes_1, …: nothing refers to them
    svg = svg.replace("xlink:href", "href").replace("'DejaVu Sans'", "var(--sans)")
    for fixed, themed in _PAGE_COLOURS.items():
        svg = svg.replace(fixed, themed)
    return Markup(svg)  # noqa: S704 - matplotlib escapes the text that it draws
