"""Measures what the shipped models find: ``python benchmarks/quality.py [--names FOLDER]``.

Every figure is made by a command of ``semblance evaluate``, with the runtime that serves, on the dev splits of the
captioned photographs (``SEMBLANCE_TRAINING_DATA``). It also fits the calibration that ships with the model, on both
splits; its figures are of held-out folds. ``--names`` is a folder of photographs asked for by their files' names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.provenance import provenance
from lab.data.captioned import training_data_root
from models.shipped import captioner_cards

RESULTS = Path(__file__).parent / "results"
CALIBRATION = Path(__file__).parents[1] / "models" / "weights" / "semblance-base" / "calibration.safetensors"
MATCHERS = ("late-interaction", "mcnn-ensemble")
"""Whose re-ranking is measured and given a confidence."""
_SETS = {
    "flickr8k-dev": ("flickr8k", "Flickr8k.token.txt", "Flickr_8k.devImages.txt"),
    "coco-dev": ("coco", "coco.token.txt", "coco.devImages.txt"),
}
_COMMAND = "python benchmarks/quality.py --names FOLDER"
_MEASURES = ("retrieval", "pairwise", "semantic", "modifiers", "negation", "plurals", "two-words", "colours", "shapes")


def main() -> None:
    """Measure everything, or what is named; write JSON files, the report's page and where they come from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "measures", nargs="*", metavar="MEASURE", help="only these, such as: retrieval calibration report"
    )
    parser.add_argument("--names", type=Path, help="folder of photographs to be asked for by their files' names")
    arguments = parser.parse_args()
    root = training_data_root()
    if root is None:
        sys.exit("the captioned photographs are not here: set SEMBLANCE_TRAINING_DATA")
    for measure, options in _commands(root, arguments.names):
        if not arguments.measures or measure in arguments.measures:
            print(f"== {measure}", flush=True)
            subprocess.run([sys.executable, "-m", "service.cli", "evaluate", measure, *options], check=True)
    note_origin(arguments.measures)


def note_origin(measures: Sequence[str], results: Path = RESULTS) -> None:
    """Write where the figures come from; of a run of some measures alone, where these do, beside that of the others."""
    file = results / "quality.json"
    origin = provenance(_COMMAND)
    if measures and file.is_file():
        whole = json.loads(file.read_text(encoding="utf-8"))
        origin = {**whole, "since": {**whole.get("since", {}), **dict.fromkeys(measures, origin)}}
    file.write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")


def _commands(root: Path, names: Path | None) -> Iterator[tuple[str, list[str | Path]]]:
    """Yield each measure with its options; the report is made last, of the others' files."""
    options = {name: _options(root, *files) for name, files in _SETS.items()}
    for name, own in options.items():
        folder = RESULTS / name
        folder.mkdir(parents=True, exist_ok=True)
        for measure in _MEASURES:
            yield measure, [*own, "--output", folder / f"{measure}.json"]
        for matcher in MATCHERS:
            yield "reranking", [*own, "--rerank", matcher, "--output", folder / f"reranking-{matcher}.json"]
        for card in captioner_cards():
            yield "captions", [*own, "--model", card.name, "--output", folder / f"captions-{card.name}.json"]
    every = [option for own in options.values() for option in own]
    for matcher in MATCHERS:
        output = RESULTS / f"reranking-transfer-{matcher}.json"
        yield "reranking-transfer", [*every, "--rerank", matcher, "--output", output]
    flickr8k = RESULTS / "flickr8k-dev"
    both = [option for name, own in options.items() for option in (*own, "--distractors", _distractors(root, name))]
    reranked = [option for matcher in MATCHERS for option in ("--rerank", matcher)]
    yield "calibration", [*both, *reranked, "--output", flickr8k / "calibration.json", "--write", CALIBRATION]
    if names:
        yield "names", ["--images", names, "--output", RESULTS / "names.json"]
    files: list[str | Path] = ["--results", flickr8k, "--no-pictures", "--output", flickr8k / "report.html"]
    yield "report", [*options["flickr8k-dev"], *files]


def _distractors(root: Path, name: str) -> Path:
    collection, _, split = _SETS[name]
    return root / collection / split.replace("dev", "train")


def _options(root: Path, collection: str, captions: str, split: str) -> list[str | Path]:
    folder = root / collection
    return ["--images", folder / "images", "--captions", folder / captions, "--split", folder / split]


if __name__ == "__main__":
    main()
