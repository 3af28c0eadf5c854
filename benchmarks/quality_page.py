"""Makes ``docs/quality.md`` of what ``benchmarks/quality.py`` measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality import RESULTS
from service.search.grammar import WEIGHT_BESIDE_IMAGE

_SETS = {"flickr8k-dev": "Flickr8k dev", "coco-dev": "COCO dev"}
_DIRECTIONS = {"text_to_image": "text to image", "image_to_text": "image to text"}
_WEIGHTS = (0.4, 0.8, 1.2, 1.6, 2.0)

Figures = Mapping[str, Any]


def quality_page(results: Path = RESULTS) -> str:
    """Return the page; what has not been measured is not on it."""
    sets = {label: _read_folder(results / name) for name, label in _SETS.items()}
    origin = _read(results / "quality.json")
    parts = [
        "# Quality\n\nMade by `python docs/generate.py` from `benchmarks/results`; [evaluation](evaluation.md) says "
        f"what each measure means. Fractions in percent. Measured by `{origin['command']}` on {_told(origin)}."
        + "".join(f" Measured again: `{measure}` on {_told(own)}." for measure, own in origin.get("since", {}).items()),
        _retrieval(sets),
        _transfers([_read(file) for file in sorted(results.glob("reranking-transfer-*.json"))]),
        _short_queries(sets),
        _semantic(sets),
        _modifiers(sets),
        _shapes(sets),
        _calibration(sets["Flickr8k dev"]["calibration"]),
    ]
    if (results / "names.json").is_file():
        parts.append(_names(_read(results / "names.json")))
    return "\n\n".join(parts) + "\n"


def _told(origin: Figures) -> str:
    return (
        f"{origin['date']}: {origin['cpu']}, {origin['cores']} cores, torch {origin['torch']}, "
        f"OpenVINO {origin['openvino']}, at {origin['commit']}"
    )


def _retrieval(sets: Mapping[str, Figures]) -> str:
    rows = []
    for label, measures in sets.items():
        for direction, way in _DIRECTIONS.items():
            figures = measures["retrieval"][direction]
            spans = [_span(figures["intervals"][f"r@{k}"]) for k in (1, 5, 10)]
            recalls = [f"{_percent(figures[f'r@{k}'])} ({span})" for k, span in zip((1, 5, 10), spans, strict=True)]
            rows.append([f"{label}, {way}", *recalls, f"{figures['median_rank']:g}", f"{figures['mean_rank']:.1f}"])
        for after in (found["reranked"] for name, found in measures.items() if name.startswith("reranking-")):
            figures = after["text_to_image"]
            recalls = [_percent(figures[f"r@{k}"]) for k in (1, 5, 10)]
            by = f"`{after['matcher']}` ({after['ms_a_query']:.0f} ms)"
            name = f"{label}, text to image, best {after['depth']} re-ranked by {by}"
            rows.append([name, *recalls, f"{figures['median_rank']:g}", f"{figures['mean_rank']:.1f}"])
    table = _table(("", "R@1", "R@5", "R@10", "median rank", "mean rank"), rows)
    pairs = " and ".join(f"{_percent(m['pairwise']['accuracy'])} on {label}" for label, m in sets.items())
    return f"## Retrieval\n\nIn brackets 95 % bootstrap intervals.\n\n{table}\n\nAccuracy on random pairs: {pairs}."


def _transfers(matchers: Sequence[Figures]) -> str:
    rows = [
        [
            f"`{figures['matcher']}`, fitted on {one['fitted_on']}, on {one['reported_on']}",
            f"{one['weight']:g}",
            f"{100 * one['r@1_gained']:+.1f} ({_span(one['interval'])})",
        ]
        for figures in matchers
        for one in figures["transfers"]
    ]
    return (
        "What re-ranking brings where its weight was not fitted, in points of text to image R@1:\n\n"
        f"{_table(('', 'weight', 'R@1'), rows)}"
    )


def _short_queries(sets: Mapping[str, Figures]) -> str:
    rows = []
    for label, measures in sets.items():
        colours = [measures["colours"][way]["preferred"] for way in ("exchanged", "replaced")]
        rows.append([label, _percent(measures["two-words"]["precision"]), *map(_percent, colours)])
    heading = ("", "two words, precision at ten", "colours exchanged, true one preferred", "replaced")
    return f"## Two words, and colours\n\n{_table(heading, rows)}"


def _semantic(sets: Mapping[str, Figures]) -> str:
    rows = [
        [f"{label}, queries by {kind}", row, _percent(values["ndcg_area"]), _percent(values["pcc_area"])]
        for label, measures in sets.items()
        for kind, named in measures["semantic"]["queries"].items()
        for row, values in named.items()
    ]
    gains = " and ".join(
        f"{100 * measures['semantic']['gain_over_imagenet_features']:+.1f} % on {label}"
        for label, measures in sets.items()
    )
    table = _table(("", "ranking", "NDCG area", "PCC area"), rows)
    return f"## Semantic retrieval\n\n{table}\n\nNDCG area by image over the ImageNet features' own: {gains}."


def _modifiers(sets: Mapping[str, Figures]) -> str:
    rows = []
    for label, measures in sets.items():
        figures = measures["modifiers"]
        for weight in sorted({*_WEIGHTS, figures["default_weight"]}):
            at = figures["weights"].index(weight)
            values = [figures[sign][what][at] for sign in ("plus", "minus") for what in ("lift", "retention")]
            name = f"**{weight:g}**" if weight == figures["default_weight"] else f"{weight:g}"
            rows.append([label, name, *map(_percent, values)])
    heading = ("", "weight", "+w lift, points", "+w retention", "-w lift, points", "-w retention")
    pairs = [[label, *_pairs(measures["modifiers"])] for label, measures in sets.items()]
    together = ("", "+w +u: lift of w, points", "retention", "+w -u: lift of w, points", "retention")
    return (
        f"## Signed words\n\nIn bold the weight that the curve chooses.\n\n{_table(heading, rows)}\n\n"
        f"Two words at once, each at {WEIGHT_BESIDE_IMAGE:g} by the root of two, as they are served:\n\n"
        f"{_table(together, pairs)}"
    )


def _pairs(figures: Figures) -> list[str]:
    at = figures["weights"].index(WEIGHT_BESIDE_IMAGE)
    return [_percent(figures["pairs"][sign][what][at]) for sign in ("plus", "minus") for what in ("lift", "retention")]


def _shapes(sets: Mapping[str, Figures]) -> str:
    rows = []
    for label, measures in sets.items():
        square = measures["shapes"]["square"]
        for way in ("stretched", "cropped"):
            for shape, values in measures["shapes"][way].items():
                changes = [values[d]["r@10"] - square[d]["r@10"] for d in _DIRECTIONS]
                rows.append([f"{label}, {shape} {way}", *(f"{100 * change:+.1f}" for change in changes)])
    table = _table(("", "text to image", "image to text"), rows)
    return f"## Shapes\n\nChange of R@10 against the squares, in points.\n\n{table}"


def _calibration(figures: Figures) -> str:
    rows = [
        [
            name if kind is None else f"… {kind}",
            str(one["queries"]),
            f"{one['expected_calibration_error']:.3f}",
            f"{one['confidence']:.2f}",
            f"{one['precision']:.2f}",
            *("-" if one[told] is None else _percent(one[told]) for told in ("false_nothing", "told_absent")),
        ]
        for name, search in figures["searches"].items()
        for kind, one in [(None, search), *(search["kinds"].items() if len(search["kinds"]) > 1 else ())]
    ]
    heading = (
        "", "queries", "calibration error", "mean confidence", "precision of the ten best",
        "wrongly said to match nothing", "absent things told",
    )  # fmt: skip
    steady = [
        [
            way,
            f"{one['mean']:.3f}",
            f"{one['most of 95 %']:.3f}",
            _percent(one["within 0.05"]),
            _percent(one["within 0.1"]),
        ]
        for way, one in figures["steadiness"].items()
    ]
    ways = ("", "mean change", "change of 95 % at most", "within .05", "within .1")
    return (
        "## Confidence\n\nOf the half of both dev splits' photographs that was not fitted on, in collections of 50 to "
        "15,000, by kind of search and, for those with several, of query. Wrongly said to match nothing: of the "
        "answers with a precision of at least .8. Absent: everything that shows what was asked was taken away.\n\n"
        f"{_table(heading, rows)}\n\nHow much the confidence in a result changes with the way to write the same "
        f"question:\n\n{_table(ways, steady)}"
    )


def _names(figures: Figures) -> str:
    shares = ", ".join(f"{_percent(figures[f'top_{k}'])} among the first {k}" for k in (1, 3, 10))
    missed = ", ".join(figures["missed"])
    return (
        f"## Bare names\n\n{figures['pictures']} animal photographs of GCompris, each asked for by its file's name "
        f"among all of them: {shares}. Not among the first three (rank): {missed}."
    )


def _read_folder(folder: Path) -> dict[str, Figures]:
    return {file.stem: _read(file) for file in sorted(folder.glob("*.json"))}


def _read(file: Path) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return figures


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _span(interval: Sequence[float]) -> str:
    return f"{_percent(interval[0])} to {_percent(interval[1])}"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, ["---"] * len(heading), *rows])
