"""The table of all systems: what is measured again, how each kind is measured, and the page that is made of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from demo_set import read_demo_set
from toy_captioner import ToyCaptioner
from toy_encoder import ToyEncoder
from toy_matcher import ToyMatcher, toy_card

from benchmarks import systems
from benchmarks.figures import write_rows
from benchmarks.results_page import results_page
from benchmarks.systems import (
    HEADING,
    RETRIEVAL,
    count_parameters,
    flat_retrieval,
    measure_captioner,
    measure_encoder,
    measure_matcher,
    to_measure,
)
from lab.checkpoint import write_checkpoint
from models.shipped import weights_folder

RESULTS = systems.RESULTS.parent


def _silent(done: int, total: int) -> None:
    assert 0 < done <= total


def test_only_what_is_new_is_measured_unless_it_is_named() -> None:
    cards = [toy_card("a"), toy_card("b"), toy_card("c", weights_sha256="new")]
    rows = {"a": {"weights_sha256": "a" * 64}, "c": {"weights_sha256": "old"}}
    assert to_measure(rows, cards, []) == ["b", "c"]
    assert to_measure(rows, cards, ["a"]) == ["a"]


def test_columns_of_both_directions_are_told_apart() -> None:
    figures = {
        way: {"r@1": base + 1, "r@5": base + 5, "r@10": base + 10, "median_rank": base + 3, "mean_rank": 0}
        for way, base in (("text_to_image", 0), ("image_to_text", 100))
    }
    flat = flat_retrieval(figures)
    assert flat["image_to_text_r@10"] == 110
    assert flat["text_to_image_median_rank"] == 3
    assert tuple(flat) == RETRIEVAL


def test_each_kind_has_its_own_figures(tmp_path: Path) -> None:
    data = read_demo_set(tmp_path, 6)
    encoder = measure_encoder(ToyEncoder(), data, _silent)
    matcher = measure_matcher(ToyMatcher(), data, _silent)
    captioner = measure_captioner(ToyCaptioner(), data, _silent)
    assert {*RETRIEVAL, *systems.SEMANTIC, "pairwise_accuracy", "ms_an_image", "ms_a_query"} == {*encoder}
    assert {*RETRIEVAL, "pairwise_accuracy", "ms_an_image", "ms_a_query"} == {*matcher}
    assert {*systems.CAPTIONS, "ms_an_image"} == {*captioner}
    for figures in (encoder, matcher, captioner):
        assert {*figures} <= {*HEADING}
        assert np.isfinite(list(figures.values())).all()


def test_parameters_are_counted_without_scales_and_words(tmp_path: Path) -> None:
    tensors = {"m": torch.ones(64, 3), "b": torch.ones(5), "words": torch.zeros(9, dtype=torch.uint8)}
    write_checkpoint(tmp_path, tensors, {"name": "toy"}, int8_rows=64)
    assert count_parameters(tmp_path / "weights.safetensors") == 64 * 3 + 5


def test_a_shipped_models_size_counts_its_parts_apart() -> None:
    card = next(card for card in systems.captioner_cards() if card.name == "show-and-tell")
    sizes = systems.sizes(card)
    assert sizes["weights_bytes"] == (weights_folder(card.name) / "weights.safetensors").stat().st_size
    assert sizes["shared_parameters"] > sizes["parameters"] > 4_000_000


def test_the_page_sets_their_figures_beside_ours(tmp_path: Path) -> None:
    empty = dict.fromkeys(HEADING, "")
    cost = dict.fromkeys(systems.COST, "1500000")
    origin = {"cpu": "A", "cores": "2", "torch": "2", "openvino": "1", "date": "2026-11-25 01:00 UTC"}
    ranks = dict.fromkeys(RETRIEVAL, "0.123") | {"image_to_text_median_rank": "7.0"}
    rows = [
        empty | cost | origin | ranks | {"model": "vse", "kind": "dual encoder", "pairwise_accuracy": "0.9"},
        empty | cost | origin | {"model": "show-attend-tell", "kind": "captioner", "bleu-4": "0.2"},
    ]
    write_rows(tmp_path / "systems.csv", HEADING, rows)
    (tmp_path / "reported.csv").write_text((RESULTS / "reported.csv").read_text(encoding="utf-8"), encoding="utf-8")
    lines = results_page(tmp_path).splitlines()
    ours = lines.index("| `vse` | dual encoder | 12.3 / 12.3 / 12.3 | 7 | 12.3 / 12.3 / 12.3 | 0.123 | 90.0 |")
    theirs = "| *VSE (Kiros et al. 2014), VGG, Flickr8k test* |  | *18.0 / 40.9 / 55.0* | *8* |"
    assert lines[ours + 1].startswith(theirs)
    written = lines.index("| `show-attend-tell` | 20.0 |  |  |")
    assert lines[written + 1] == "| *soft attention (Xu et al. 2015), Flickr8k test* | *19.5* | *18.9* |  |"
    assert "Measured by `python benchmarks/systems.py` on 2026-11-25: A, 2 cores, torch 2, OpenVINO 1." in lines


def test_the_page_stands_without_any_measurement(tmp_path: Path) -> None:
    assert results_page(tmp_path).startswith("# Results")


def test_what_is_reported_names_its_source_and_is_a_fraction() -> None:
    with (RESULTS / "reported.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    for row in rows:
        assert row["source"]
        assert row["split"]
        for column in (*(name for name in RETRIEVAL if "r@" in name), "pairwise_accuracy", "bleu-4", "meteor"):
            assert not row[column] or 0 < float(row[column]) < 1


@pytest.mark.skipif(not systems.RESULTS.is_file(), reason="nothing has been measured")
def test_what_was_measured_names_machine_and_weights() -> None:
    for row in systems.read_csv(systems.RESULTS):
        assert tuple(row) == HEADING
        assert all(row[column] for column in ("model", "kind", "weights_sha256", "cpu", "torch", "date", "commit"))
