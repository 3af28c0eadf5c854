"""Writes the pages whose facts live elsewhere: settings, benchmarks, results, experiments, and the README's figures.

``python docs/generate.py`` writes them; with ``--check`` it only tells which are not up to date.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.explanations_page import excitation_figures, explanation_figures
from benchmarks.figures import read_csv
from benchmarks.quality_page import quality_page
from benchmarks.reliability_page import reliability_page
from benchmarks.results_page import results_page
from benchmarks.scale import scale_page
from models.names import DEFAULT_MODEL
from models.shipped import encoder_card
from service.settings import limits_table, settings_table

ROOT = Path(__file__).resolve().parents[1]
_RESULTS = ROOT / "benchmarks" / "results"
_MADE = "Made by `python docs/generate.py` from"
_SETS = {"flickr8k-dev": "Flickr8k dev", "coco-dev": "COCO dev"}
_DIRECTIONS = {"text_to_image": "text to image", "image_to_text": "image to text"}

_FIGURES = ("name", "value", "unit", "aim", "met", "note")
_MUTANTS = ("module", "mutants", "killed", "survived", "timed_out", "not_covered", "not_tried", "share")
_BENCHMARKS = {
    "indexing": _FIGURES,
    "searching": _FIGURES,
    "starting": _FIGURES,
    "company": _FIGURES,
    "large_photographs": _FIGURES,
    "huggingface": _FIGURES,
    "index_kinds": _FIGURES,
    "catalogs": _FIGURES,
    "workers": _FIGURES,
    "mutation": _MUTANTS,
}
"""The columns that are shown of each benchmark's results."""

_MODEL_PAGE = ROOT / "docs" / "models" / f"{DEFAULT_MODEL}.md"
_WITH_MARKS = (ROOT / "README.md", _MODEL_PAGE, ROOT / "docs" / "security.md", ROOT / "docs" / "explanations.md")

Row = Mapping[str, str]


def pages() -> dict[Path, str]:
    """Return the text of every generated page, by its path."""
    return {
        ROOT / "docs" / "settings.md": settings_table() + "\n",
        ROOT / "docs" / "benchmarks.md": benchmarks_page(),
        ROOT / "docs" / "reliability.md": reliability_page(_machine, _table),
        ROOT / "docs" / "scale.md": scale_page(_table),
        ROOT / "docs" / "quality.md": quality_page(),
        ROOT / "docs" / "results.md": results_page(),
        ROOT / "docs" / "experiments.md": experiments_page(read_csv(_RESULTS / "experiments.csv")),
        **{path: with_figures(path.read_text(encoding="utf-8")) for path in _WITH_MARKS},
    }


def benchmarks_page() -> str:
    """Return what the benchmarks measured, each beside what its program says of itself."""
    parts = [f"# Benchmarks\n\n{_MADE} `benchmarks/results`; `make bench` and `make mutation` measure again.\n"]
    for name, columns in _BENCHMARKS.items():
        rows = read_csv(_RESULTS / f"{name}.csv")
        tree = ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))
        method = (ast.get_docstring(tree) or "").replace("``", "`")
        parts.append(
            f"## {name.capitalize().replace('_', ' ')}\n\n{method}\n\n{_machine(rows)}\n\n{_table(columns, rows)}\n"
        )
    return "\n".join(parts)


def experiments_page(rows: Sequence[Row]) -> str:
    """Return what was tried in training, kept or not."""
    intro = "Recall at 1, 5 and 10 in percent on the dev splits; the card has what serving measures."
    table = _table(tuple(rows[0]), rows)
    return f"# Experiments\n\n{_MADE} `benchmarks/results/experiments.csv`. {intro}\n\n{table}\n"


def with_figures(page: str) -> str:
    """Return a page with fresh text between its ``<!-- NAME -->`` and ``<!-- /NAME -->`` marks."""
    for name, text in {
        "facts": _facts(),
        "card": _card(),
        "quality": _quality(),
        "limits": limits_table(),
        "confidence": _confidence(),
        "explanations": explanation_figures(),
        "excitation": excitation_figures(),
    }.items():
        before, mark, rest = page.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if mark and end:
            page = f"{before}{mark}\n{text}\n{end}{after}"
    return page


def _confidence() -> str:
    """Return what confidence says, with its calibration error by kind of query."""
    figures = json.loads((_RESULTS / "flickr8k-dev" / "calibration.json").read_text(encoding="utf-8"))
    words = figures["searches"]["text-to-image"]
    error = {kind: f"{one['expected_calibration_error']:.2f}".lstrip("0") for kind, one in words["kinds"].items()}
    told, wrongly = (f"{100 * words[name]:.0f}%" for name in ("told_absent", "false_nothing"))
    return f"""\
- **It says how sure it is.** `confidence` is how likely a result shows what was asked, by itself. On photographs
  that it was not fitted to it is off by {error["noun"]} for nouns (*giraffe*), {error["phrase"]} for phrases
  (*a brown dog*), {error["nouns"]} for two nouns, {error["words"]} for *dog on a couch*, {error["caption"]} for
  sentences and {error["sentences"]} for several, by [what captions tell](docs/evaluation.md#confidence). Of searches
  for what is not there, {told} are told so; of answers that are right, {wrongly} wrongly."""


def _facts() -> str:
    """Return three measured facts."""
    index, search = (read_csv(_RESULTS / f"{name}.csv") for name in ("indexing", "searching"))
    values = {row["name"]: float(row["value"]) for row in [*index, *search]}
    recall = encoder_card(DEFAULT_MODEL).quality["flickr8k-dev"]["text_to_image"]["r@10"]
    machine = f"{search[0]['cores']} cores of an {search[0]['cpu']} without a GPU"
    over_parts = values["text search over its parts"]
    return "\n".join(
        (
            f"- **{values['text search, one client, p50']:.1f} ms** from a sentence to its answer over HTTP (p50, one "
            f"client, 7,000 photographs, {machine}), {over_parts:.2f} times the sum of its parts.",
            f"- **{values['indexing, end to end']:.0f} photographs/s** indexed on the same machine, "
            f"{values['indexing over its bound']:.0%} of what decoding and encoding alone allow, in "
            f"{values['peak memory of indexing']:.1f} GB of memory.",
            f"- **{recall:.0%}** of 5,000 sentences find their photograph among the first 10 of 1,000 (Flickr8k dev).",
        )
    )


def _choices(training: Mapping[str, Any]) -> str:
    """List how a model was trained; a stage that has choices of its own comes with them in brackets."""
    told = (
        f"{name.replace('_', ' ')} {f'({_choices(value)})' if isinstance(value, Mapping) else value}"
        for name, value in training.items()
    )
    return ", ".join(told)


def _card() -> str:
    """Return what the shipped model's card says of it, measured quality apart."""
    card = encoder_card(DEFAULT_MODEL)
    shape = card.preprocessing
    rows = {
        "dimension": f"{card.dimension}",
        "weights": f"{card.weights_bytes / 1e6:.1f} MB, float16 safetensors, SHA-256 `{card.weights_sha256}`",
        "input": f"{shape.size} x {shape.size} pixels, {shape.fit}, {shape.resample}",
        "licence": card.licence,
        "trained on": ", ".join(card.training["data"]),
        "trained by": _choices({name: value for name, value in card.training.items() if name != "data"}),
    }
    return _table(("", "card"), [{"": name, "card": value} for name, value in rows.items()])


def _quality() -> str:
    """Return the shipped model's card as a table."""
    quality = encoder_card(DEFAULT_MODEL).quality
    rows = [
        {"": f"{label}, {way}"} | {f"R@{k}": f"{100 * quality[name][direction][f'r@{k}']:.1f}" for k in (1, 5, 10)}
        | {"median rank": f"{quality[name][direction]['median_rank']:g}"}
        for name, label in _SETS.items()
        for direction, way in _DIRECTIONS.items()
    ]  # fmt: skip
    return _table(tuple(rows[0]), rows)


def _machine(rows: Sequence[Row]) -> str:
    """Return where and with what all rows were measured; of commands, days and commits that differ, all or the span."""
    row = rows[0]
    machine = f"{row['cpu']}, {row['cores']} cores (AVX-512: {row['avx512']}, AMX: {row['amx']}), {row['memory_gb']} GB"
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    versions = (
        f"Python {row['python']}, torch {row['torch']}, OpenVINO {row['openvino']}, FAISS {row['faiss']}, "
        f"FastAPI {row['fastapi']}, Semblance {row['semblance']} at {commits}"
    )
    commands = {row["command"] for row in rows}
    command = f"`{commands.pop()}`" if len(commands) == 1 else "one command a row"
    dates = sorted({row["date"] for row in rows})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return f"Measured by {command} on {when}: {machine}; {versions}."


def _table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [[column.replace("_", " ") for column in columns], ["---"] * len(columns)]
    lines += [[row[column].replace("|", "\\|") for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Write the pages, or with ``--check`` name those that are not up to date; returns the exit status."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date; run: python docs/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
