"""Makes the figures of ``docs/explanations.md`` of what ``semblance evaluate explain`` measured."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
FILE = "explain.json"
_SETS = {"flickr8k-dev": "Flickr8k dev", "coco-dev": "COCO dev"}

Figures = Mapping[str, Any]


def explanation_figures(results: Path = RESULTS) -> str:
    """Return the tables of each set of photographs; one that has not been measured is left out."""
    sets = {
        label: json.loads((results / name / FILE).read_text(encoding="utf-8"))
        for name, label in _SETS.items()
        if (results / name / FILE).is_file()
    }
    return "\n\n".join(_set(label, figures) for label, figures in sets.items())


def excitation_figures(results: Path = RESULTS) -> str:
    """Return the table of the forms of excitation back-propagation; nothing where it has not been measured."""
    if not (results / "excitation.csv").is_file():
        return ""
    with (results / "excitation.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    head = ("form", "side by side, mass / peak", "mosaic, mass / peak", "correlation of captions' maps")
    table = _table(
        head,
        [
            [
                row["form"],
                *(
                    f"{_percent(float(row[kind]))} / {_percent(float(row[f'{kind}_peak']))}"
                    for kind in ("side_by_side", "mosaic")
                ),
                f"{float(row['alike']):.3f}",
            ]
            for row in rows
        ],
    )
    return f"{rows[0]['pairs']} pairs of Flickr8k dev; chance: 50 % and 25 %.\n\n{table}"


def _set(label: str, figures: Figures) -> str:
    rows = [_row(name, of) for name, of in figures["methods"].items()]
    head = (
        "", "deletion", "insertion", "insertion - deletion, in score", "side by side, mass / peak",
        "mosaic, mass / peak", "mosaic by photograph",
        "beats centre, del. / ins.", "randomised", "unrelated told / falsely", "rest", "ms",
    )  # fmt: skip
    parts = [
        f"### {label}: {figures['pairs']} pairs, curves of {figures['steps']} steps",
        "Deletion (low is good) and insertion are normalised. Shares in percent.",
        _table(head, rows),
        "Paired differences of the default, `" + figures["default"] + "`, with 95 % bootstrap intervals:",
        _table(
            ("less", "insertion - deletion, in score", "deletion, normalised", "insertion, normalised"),
            [[f"`{name}`", *(_interval(of[measure]) for measure in of)] for name, of in figures["comparisons"].items()],
        ),
    ]
    parts += [
        _words(name, of, figures["pairs"])
        for name, of in figures["methods"].items()
        if of["words"] and (name == figures["default"] or of.get("explains"))
    ]
    return "\n\n".join(parts)


def _words(name: str, of: Figures, pairs: int) -> str:
    words, matcher = of["words"], of.get("explains")
    searched = f" by `{matcher}`, of {pairs}," if matcher else ""
    return (
        f"Words by `{name}`: the one that is named first costs more score than a random other one in "
        f"{_percent(words['top_beats_random'])} of {words['queries']} captions; of the captions "
        f"{_percent(words['recall'])} find their photograph{searched} among the ten best, "
        f"{_percent(words['without_top'])} without that word, {_percent(words['without_random'])} without a random one."
    )


def _row(name: str, of: Figures) -> list[str]:
    gap = of["insertion"]["raw"] - of["deletion"]["raw"]
    return [
        f"`{name}`",
        f"{of['deletion']['normalised']:.3f}",
        f"{of['insertion']['normalised']:.3f}",
        f"{gap:.4f}",
        *(_pointing(of[kind]) for kind in ("montage_2", "montage_4")),
        _pointing(of.get("image_montage_4")),
        " / ".join(_percent(of["beats_centre"][curve]) for curve in ("deletion", "insertion")),
        "-" if of["randomised"] is None else f"{of['randomised']:.2f}",
        " / ".join(_percent(of["unrelated"][said]) for said in ("told", "falsely")),
        "-" if of["rest"] is None else _percent(of["rest"]),
        f"{of['ms']:.0f}",
    ]


def _pointing(of: Figures | None) -> str:
    return "-" if of is None else " / ".join(_percent(of[share]) for share in ("mass", "peak"))


def _interval(of: Figures) -> str:
    low, high = of["interval"]
    return f"{of['difference']:+.4f} ({low:+.4f} to {high:+.4f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
