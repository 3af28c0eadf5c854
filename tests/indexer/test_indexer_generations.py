"""A collection's generations are listed, and an earlier one becomes current again once it has been checked."""

import json

import pytest

from indexer.collections import locked
from indexer.errors import CollectionBusyError, GenerationChoiceError
from indexer.generations import list_generations, roll_back
from indexer.layout import CollectionLayout


@pytest.fixture
def several(workshop):
    """Generations 1 to 3, each with one photograph more."""
    for number in (1, 2, 3):
        workshop.paint(f"{number}.png", (number, 0, 0))
        workshop.index(keep=3)
    return workshop


def test_generations_are_listed_the_newest_first(several):
    kept = list_generations(several.data_dir, "toy")
    assert [(one.number, one.current, one.images, one.models) for one in kept] == [
        (3, True, 3, ("toy",)),
        (2, False, 2, ("toy",)),
        (1, False, 1, ("toy",)),
    ]
    folder = several.root / "generations" / "000002"
    assert kept[1].bytes == sum(path.stat().st_size for path in folder.iterdir() if path.name != "manifest.json")


def test_a_generation_that_cannot_be_read_is_listed_with_the_reason(several):
    manifest = several.root / "generations" / "000002" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"generation": 2', '"generation": 7'))
    assert "is that of generation 7" in list_generations(several.data_dir, "toy")[1].problem
    manifest.write_text("{}")
    assert "has a form that this version" in list_generations(several.data_dir, "toy")[1].problem
    manifest.unlink()
    assert "cannot be read" in list_generations(several.data_dir, "toy")[1].problem


def test_rolling_back_goes_to_the_one_before_or_to_the_one_that_is_named(several):
    assert roll_back(several.data_dir, "toy").generation == 2
    assert several.names() == ["1.png", "2.png"]
    assert roll_back(several.data_dir, "toy", 3).generation == 3
    assert roll_back(several.data_dir, "toy", 1).generation == 1
    assert several.names() == ["1.png"]
    with pytest.raises(GenerationChoiceError, match="no generation before the current one"):
        roll_back(several.data_dir, "toy")
    with pytest.raises(GenerationChoiceError, match="keeps no generation 9; there are: 3, 2, 1"):
        roll_back(several.data_dir, "toy", 9)


def test_after_a_rollback_the_next_run_publishes_anew_and_keeps_what_was_gone_back_to(several):
    roll_back(several.data_dir, "toy", 1)
    report = several.index()
    assert (report.generation, report.added) == (4, 0)
    assert several.names() == ["1.png", "2.png", "3.png"]
    assert [one.number for one in list_generations(several.data_dir, "toy")] == [4, 1]


def test_a_damaged_generation_is_not_gone_back_to(several):
    vectors = several.root / "generations" / "000002" / "toy.image.vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\xff")
    with pytest.raises(GenerationChoiceError, match=r"generation 2 of 'toy' is damaged \(toy.image.vectors.npy"):
        roll_back(several.data_dir, "toy")
    assert len(several.names()) == 3


def test_a_pointer_that_is_lost_is_set_again_by_rolling_back(several):
    several.root.joinpath("CURRENT").write_text("nonsense")
    assert roll_back(several.data_dir, "toy").generation == 3
    assert len(several.names()) == 3


def test_a_collection_that_is_being_indexed_is_not_rolled_back(several):
    with locked(CollectionLayout(several.root)), pytest.raises(CollectionBusyError):
        roll_back(several.data_dir, "toy")


@pytest.mark.parametrize(("keep", "kept"), [(1, [4]), (2, [4, 3]), (9, [4, 3, 2, 1])])
def test_as_many_generations_stay_as_are_asked_for(several, keep, kept):
    several.paint("4.png", (4, 0, 0))
    several.index(keep=keep)
    assert [one.number for one in list_generations(several.data_dir, "toy")] == kept
    assert json.loads((several.root / "CURRENT").read_bytes())["generation"] == 4
