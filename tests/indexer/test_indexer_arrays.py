"""Rows of a memory-mapped array are copied out by number, and what made them is told."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from indexer.store.arrays import FeatureArray, VectorSet, load_matrix
from indexer.store.brute_force import BruteForceStore
from indexer.store.manifest import FeatureArrayEntry, VectorSetEntry
from models.calibration import sample_rows
from models.cards import ModelIdentity

IDENTITY = ModelIdentity("toy", "a" * 64, "b" * 64)
MADE_BY = {"weights_sha256": "a" * 64, "preprocessing_digest": "b" * 64}


def mapped(folder: Path, array: np.ndarray) -> np.ndarray:
    np.save(folder / "array.npy", array)
    return load_matrix(folder / "array.npy")


def vector_set(matrix: np.ndarray) -> VectorSet:
    entry = VectorSetEntry(
        model="toy",
        **MADE_BY,
        side="image",
        dimension=matrix.shape[1],
        rows=len(matrix),
        index_kind="flat",
        index_parameters={},
        exact=True,
        recall_at_10=1.0,
        vectors_file="array.npy",
    )
    return VectorSet(entry, BruteForceStore(matrix), matrix)


def test_vectors_are_copied_in_the_order_asked(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    images = vector_set(mapped(tmp_path, array))
    rows = images.vectors([2, 0, 2])
    np.testing.assert_array_equal(rows, array[[2, 0, 2]])
    assert rows.flags.c_contiguous and rows.flags.writeable
    assert images.vectors([]).shape == (0, 4)
    assert (images.dimension, images.identity) == (4, IDENTITY)


def test_features_are_copied_in_the_order_asked(tmp_path):
    array = np.arange(24, dtype=np.float16).reshape(2, 4, 3)
    entry = FeatureArrayEntry(matcher="toy", **MADE_BY, shape=(4, 3), rows=2, file="array.npy")
    features = FeatureArray(entry, mapped(tmp_path, array))
    np.testing.assert_array_equal(features.features([1, 0]), array[::-1])
    assert features.identity == IDENTITY
    with pytest.raises(IndexError, match="rows must be 0 to 1, got 0 to 2"):
        features.features([0, 2])


@pytest.mark.parametrize(("rows", "told"), [([-1], "-1 to -1"), ([3, 1], "1 to 3"), ([0, -2, 1], "-2 to 1")])
def test_rows_outside_are_an_error(tmp_path, rows, told):
    images = vector_set(mapped(tmp_path, np.zeros((3, 4), np.float32)))
    with pytest.raises(IndexError, match=f"rows must be 0 to 2, got {told}"):
        images.vectors(rows)


def test_the_sample_is_the_rows_that_a_null_distribution_is_asked_of_and_stays_in_memory(tmp_path):
    array = np.random.default_rng(1).random((5000, 4), dtype=np.float32)
    images = vector_set(mapped(tmp_path, array))
    np.testing.assert_array_equal(images.sample, array[sample_rows(5000)])
    assert images.sample is images.sample


def test_rows_are_mapped_not_read(tmp_path):
    matrix = mapped(tmp_path, np.zeros((3, 4), np.float32))
    assert type(matrix) is np.ndarray  # indexing a np.memmap costs more
    assert isinstance(matrix.base, np.memmap)
    assert not matrix.flags.writeable
    assert mapped(tmp_path, np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_an_array_that_would_need_unpickling_is_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        load_matrix(tmp_path / "objects.npy")


def test_a_file_that_is_a_pickle_and_no_array_is_refused_and_not_run(tmp_path):
    (tmp_path / "array.npy").write_bytes(pickle.dumps(Planted(tmp_path / "was run")))
    with pytest.raises(ValueError, match="pickled"):
        load_matrix(tmp_path / "array.npy")
    assert not (tmp_path / "was run").exists()


class Planted:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)
