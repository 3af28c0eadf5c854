"""Measures every shipped system on Flickr8k dev: ``python benchmarks/systems.py [MODEL ...] [--images N]``.

A row a model, by the runtime that serves. Dual encoders rank by inner products; re-rankers by their own scores alone,
over all pairs of a sentence and a photograph (scores that their training has kept under ``var/training`` are not
computed again); captioners write by beam search of width 3. A row whose model has the same weights as now is kept,
unless its model is named. ``ms an image`` is of one prepared photograph alone, ``ms a query`` of one sentence with all
photographs (of a re-ranker with 50 of them), medians of 50.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from benchmarks.figures import read_csv, write_rows
from benchmarks.provenance import COLUMNS, provenance
from lab.data.captioned import CaptionedImages, load_split, training_data_root
from lab.data.pixels import Progress, prepared_batches
from lab.evaluation.captions import evaluate_captions
from lab.evaluation.encoded import encode_captioned
from lab.evaluation.matched import MatchedSet, match_captioned
from lab.evaluation.pairwise import evaluate_pairwise
from lab.evaluation.proxies import build_proxy
from lab.evaluation.retrieval import evaluate_retrieval, evaluate_score_retrieval
from lab.evaluation.semantic import evaluate_semantic
from lab.progress import progress_bar
from lab.training.shipped_matcher import scores_file
from models.captioning.decoders import make_decoder
from models.cards import ModelCard
from models.checkpoint import WEIGHTS
from models.library import InstalledModels
from models.protocols import Captioner, DualEncoder, Matcher
from models.shipped import captioner_cards, encoder_cards, matcher_cards, part_card, weights_folder
from models.types import Pixels

RESULTS = Path(__file__).parent / "results" / "systems.csv"
WORK = Path("var/training")
SET = "flickr8k-dev"
RETRIEVAL = tuple(
    f"{direction}_{figure}"
    for direction in ("image_to_text", "text_to_image")
    for figure in ("r@1", "r@5", "r@10", "median_rank")
)
SEMANTIC = ("ndcg_area", "pcc_area", "ndcg_area_with_text", "pcc_area_with_text")
CAPTIONS = ("bleu-4", "meteor", "cider-d")
COST = ("parameters", "shared_parameters", "weights_bytes", "shared_bytes", "ms_an_image", "ms_a_query")
HEADING = (
    "model", "kind", "images", *RETRIEVAL, "pairwise_accuracy", *SEMANTIC, *CAPTIONS, *COST, "weights_sha256", *COLUMNS,
)  # fmt: skip

_TIMED = 50
_KINDS = {"model": "dual encoder", "matcher": "re-ranker", "captioner": "captioner"}

Figures = Mapping[str, float]


def main() -> None:
    """Measure what is named or has changed, and write each row when it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="measure again; default: what has no row yet")
    parser.add_argument("--images", type=int, help="a try on the first photographs only; printed, not written")
    arguments = parser.parse_args()
    cards = {card.name: card for card in (*encoder_cards(), *matcher_cards(), *captioner_cards())}
    if unknown := {*arguments.models} - {*cards}:
        parser.error(f"no model named {', '.join(sorted(unknown))}; there are: {', '.join(cards)}")
    if training_data_root() is None:
        sys.exit("the captioned photographs are not here: set SEMBLANCE_TRAINING_DATA")
    data = load_split(SET)
    if arguments.images:
        data = data.first(arguments.images)
    rows = {row["model"]: row for row in read_csv(RESULTS)} if RESULTS.is_file() else {}
    for name in to_measure(rows, list(cards.values()), arguments.models):
        print(f"== {name}", flush=True)
        row = measured_row(cards[name], data)
        rows[name] = row
        if arguments.images:
            print(", ".join(f"{column} {row[column]}" for column in HEADING if row[column]), flush=True)
        else:
            write_rows(RESULTS, HEADING, [rows[known] for known in cards if known in rows])


def to_measure(rows: Mapping[str, Mapping[str, str]], cards: Sequence[ModelCard], named: Sequence[str]) -> list[str]:
    """Return the models that are named, or else those that have no row or were measured with other weights."""
    if named:
        return [card.name for card in cards if card.name in named]
    return [card.name for card in cards if rows.get(card.name, {}).get("weights_sha256") != card.weights_sha256]


def measured_row(card: ModelCard, data: CaptionedImages) -> dict[str, str]:
    """Load a model and measure it; what its kind does not have is empty."""
    kind, (load, measure) = next((kind, _MEASURES[kind]) for kind, cards in _cards().items() if card in cards)
    with progress_bar() as progress:
        task = progress.add_task(card.name)

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        figures = {**measure(load(card.name), data, on_progress), **sizes(card)}
    command = f"python benchmarks/systems.py {card.name}"
    told = {name: f"{value:.5g}" if isinstance(value, float) else str(value) for name, value in figures.items()}
    fields = {"model": card.name, "kind": _KINDS[kind], "images": str(len(data)), "weights_sha256": card.weights_sha256}
    return dict.fromkeys(HEADING, "") | fields | told | provenance(command)


def measure_encoder(encoder: DualEncoder, data: CaptionedImages, on_progress: Progress) -> Figures:
    """Measure a dual encoder: retrieval, random pairs, and images by image as people describe them."""
    encoded = encode_captioned(encoder, data, on_progress)
    curves = evaluate_semantic(encoded, build_proxy("tfidf", data))["queries"]
    areas = {
        f"{what}_area{suffix}": curves[kind][encoded.model][f"{what}_area"]
        for kind, suffix in (("image", ""), ("image+text", "_with_text"))
        for what in ("ndcg", "pcc")
    }
    texts = data.flat_captions()[0][:_TIMED]
    return {
        **flat_retrieval(evaluate_retrieval(encoded)),
        "pairwise_accuracy": evaluate_pairwise(encoded)["accuracy"],
        **areas,
        "ms_an_image": median_ms(encoder.encode_images, [image[None] for image in _prepared(encoder, data)]),
        "ms_a_query": median_ms(lambda text: encoded.images @ encoder.encode_texts([text])[0], texts),
    }


def measure_matcher(matcher: Matcher, data: CaptionedImages, on_progress: Progress) -> Figures:
    """Measure a re-ranker by its own scores alone."""
    matched = match_captioned(matcher, data)
    texts, some = data.flat_captions()[0][:_TIMED], matched.features[:_TIMED]
    return {
        **flat_retrieval(evaluate_score_retrieval(all_scores(matched, on_progress), matched.image_of_caption)),
        "pairwise_accuracy": evaluate_pairwise(matched)["accuracy"],
        "ms_an_image": median_ms(matcher.encode_images, [image[None] for image in _prepared(matcher, data)]),
        "ms_a_query": median_ms(lambda text: matcher.score(text, some), texts),
    }


def all_scores(matched: MatchedSet, on_progress: Progress) -> NDArray[np.float32]:
    """Return the scores that the training of these weights has kept, or else compute them."""
    kept = scores_file(WORK, matched.matcher.card, matched.data.name)
    if kept.exists():
        scores: NDArray[np.float32] = np.load(kept, allow_pickle=False)
        if scores.shape == (len(matched.image_of_caption), matched.image_count):
            return scores
    return matched.scores(on_progress)


def measure_captioner(captioner: Captioner, data: CaptionedImages, on_progress: Progress) -> Figures:
    """Measure what a captioner writes by beam search."""
    figures = evaluate_captions(captioner, data, {"beam": make_decoder("beam", width=3)}, on_progress)["beam"]
    return {name: figures[name] for name in (*CAPTIONS, "ms_an_image")}


def flat_retrieval(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Name the recalls and medians of both directions as the columns are."""
    return {column: figures[column[:13]][column[14:]] for column in RETRIEVAL}  # both directions have 13 letters


def sizes(card: ModelCard) -> dict[str, int]:
    """Count what ships of a model, and what it shares with others: learned values and bytes of the files."""
    shared = [part_card(name) for name in card.parts]
    return {
        "parameters": count_parameters(weights_folder(card.name) / WEIGHTS),
        "shared_parameters": sum(count_parameters(weights_folder(part.name) / WEIGHTS) for part in shared),
        "weights_bytes": card.weights_bytes,
        "shared_bytes": sum(part.weights_bytes for part in shared),
    }


def count_parameters(file: Path) -> int:
    """Count the values of a file of weights: not the scales of its int8 rows, nor lists of words and colours."""
    with safe_open(file, framework="np") as stored:
        slices = {name: stored.get_slice(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
        counted = [
            value for name, value in slices.items() if not name.endswith(".int8_scale") and value.get_dtype() != "U8"
        ]
        return sum(int(np.prod(value.get_shape())) for value in counted)


def median_ms(run: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """Run each input after a first, untimed one; return the median in milliseconds."""
    run(inputs[0])
    took = []
    for each in inputs:
        started = perf_counter()
        run(each)
        took.append((perf_counter() - started) * 1e3)
    return statistics.median(took)


def _prepared(model: DualEncoder | Matcher, data: CaptionedImages) -> Pixels:
    size = model.card.preprocessing.size
    return np.concatenate(list(prepared_batches(data.files[:_TIMED], size, model.prepare)))


def _cards() -> dict[str, Sequence[ModelCard]]:
    return {"model": encoder_cards(), "matcher": matcher_cards(), "captioner": captioner_cards()}


_LIBRARY = InstalledModels()

_MEASURES: dict[str, tuple[Callable[[str], Any], Callable[[Any, CaptionedImages, Progress], Figures]]] = {
    "model": (_LIBRARY.encoder, measure_encoder),
    "matcher": (_LIBRARY.matcher, measure_matcher),
    "captioner": (_LIBRARY.captioner, measure_captioner),
}


if __name__ == "__main__":
    main()
