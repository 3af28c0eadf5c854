"""Short forms of the proofs with hostile files that `make test-hostile` runs at length."""

import random

import pytest
from toy_library import ToyLibrary

from benchmarks import damaged_files, mutated_images

pytest.importorskip("pillow_heif")


def test_altered_images_are_pictures_or_errors() -> None:
    neither, *_others = mutated_images.measure(600)
    assert (neither.value, neither.met) == (0, "yes")


def test_images_are_altered_in_every_format_and_the_same_way_each_time() -> None:
    originals = mutated_images.pictures()
    first = list(mutated_images.mutants(originals, 100))
    assert first == list(mutated_images.mutants(originals, 100))
    assert sum(content not in originals.values() for content in first) > 95


def test_damage_is_refused_mended_or_without_effect() -> None:
    figures = damaged_files.measure(ToyLibrary(), flips=2, cuts=1)
    assert len(figures) >= 7
    assert [figure.name for figure in figures if figure.met != "yes"] == []


def test_damage_that_shows_would_be_counted(tmp_path, monkeypatch) -> None:
    collection = damaged_files._Collection(tmp_path, ToyLibrary())
    monkeypatch.setattr(collection, "_ask", lambda: ((), frozenset()))
    (file,) = collection.files()["CURRENT"]
    assert collection.try_damage(file, lambda content, _chance: content, random.Random(1)) == "wrong"
