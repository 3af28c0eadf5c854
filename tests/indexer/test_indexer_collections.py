"""Collections are listed, checked and deleted."""

import pytest

from indexer.collections import (
    collection_contents,
    collection_dir,
    delete_collection,
    list_collections,
    locked,
    verify_collection,
)
from indexer.errors import CollectionBusyError, CollectionNotFoundError, DamagedGenerationError, NoGenerationError
from indexer.layout import CollectionLayout, file_stem


def test_a_list_tells_name_counts_models_and_size(workshop):
    assert list_collections(workshop.data_dir) == []
    workshop.paint_all()
    workshop.index()
    (summary,) = list_collections(workshop.data_dir)
    assert (summary.name, summary.generation, summary.images, summary.captions) == ("toy", 1, 4, 0)
    assert (summary.models, summary.problem) == (("toy",), None)
    assert summary.bytes == sum(path.stat().st_size for path in workshop.root.rglob("*"))
    assert collection_contents(workshop.data_dir, "toy") == (("toy",), ())
    assert collection_contents(workshop.data_dir, "absent") is None


def test_a_collection_that_was_never_finished_or_is_damaged_is_listed_with_the_reason(workshop):
    workshop.root.mkdir(parents=True)
    assert "no finished index" in list_collections(workshop.data_dir)[0].problem
    (workshop.root / "CURRENT").write_text("nonsense")
    assert "damaged" in list_collections(workshop.data_dir)[0].problem


def test_a_sound_collection_verifies(workshop):
    workshop.paint_all()
    workshop.index()
    report = verify_collection(workshop.data_dir, "toy")
    assert (report.problems, report.images, report.files) == ((), 4, 3)


def test_every_damaged_file_is_named(workshop):
    workshop.paint_all()
    workshop.index()
    folder = workshop.root / "generations" / "000001"
    (folder / "toy.image.vectors.npy").write_bytes(b"x")
    (folder / "catalog.sqlite").unlink()
    problems = verify_collection(workshop.data_dir, "toy").problems
    assert [problem.split()[0] for problem in problems] == ["catalog.sqlite", "toy.image.vectors.npy"]
    (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(DamagedGenerationError, match=r"manifest\.json"):
        verify_collection(workshop.data_dir, "toy")


def test_verifying_what_was_never_finished_says_so(workshop):
    workshop.root.mkdir(parents=True)
    with pytest.raises(NoGenerationError, match="run semblance index"):
        verify_collection(workshop.data_dir, "toy")


def test_an_unknown_collection_is_refused_and_those_there_are_are_named(workshop):
    workshop.paint_all()
    workshop.index()
    for refused in (collection_dir, verify_collection, delete_collection):
        with pytest.raises(CollectionNotFoundError, match="there are: toy"):
            refused(workshop.data_dir, "other")


def test_deleting_leaves_the_photographs_and_nothing_else(workshop):
    workshop.paint_all()
    workshop.index()
    (workshop.root.parent / ".deleted-before-1").mkdir()  # of a deletion that was killed
    delete_collection(workshop.data_dir, "toy")
    assert list(workshop.root.parent.iterdir()) == []
    assert len(list(workshop.photos.iterdir())) == 4
    assert workshop.index().generation == 1


def test_a_collection_being_indexed_is_not_deleted(workshop):
    workshop.paint_all()
    workshop.index()
    with locked(CollectionLayout(workshop.root)), pytest.raises(CollectionBusyError):
        delete_collection(workshop.data_dir, "toy")
    assert workshop.root.exists()


def test_model_names_become_distinct_safe_file_names():
    names = ["semblance-base", "hf:a/b", "hf:a-b", "hf-a-b", "../up", "hf:/" + "x" * 300]
    stems = [file_stem(name) for name in names]
    assert stems[0] == "semblance-base"
    assert len(set(stems)) == len(names)
    assert all(len(stem) < 64 and "/" not in stem and not stem.startswith(".") for stem in stems)
