"""Which calibration a query has, and what it makes of each score, computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from published_collection import publish_collection
from toy_encoder import CALIBRATION, REFERENCE, ToyEncoder

from indexer.collections import collection_dir
from indexer.store.arrays import VectorSet
from indexer.store.generation import open_current
from models.calibration import Calibrations
from service.search.confidence import judge, kind_of_search, nothing_matches
from service.search.query import CollectionImage, Embedding, ImageFile, Modifier, Query, Sentence

QUERY = np.array([1, 0, 0, 0], np.float32)
COSINES = np.array([0.9, 0.8, 0.78, 0.7, 0.3, 0.0])
KIND = "text-to-image"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorSet]:
    """Six vectors, at ``COSINES`` to ``QUERY``."""
    folder = tmp_path_factory.mktemp("cosines")
    matrix = np.stack([COSINES, np.sqrt(1 - COSINES**2), 0 * COSINES, 0 * COSINES], axis=1).astype(np.float32)
    paths = [Path(f"/photographs/{number:02}.jpg") for number in range(len(matrix))]
    publish_collection(folder, "cosines", paths, matrix, ToyEncoder())
    with open_current(collection_dir(folder, "cosines")) as generation:
        yield generation.vector_set("toy", "image")


def test_confidence_and_strength_of_each_result_by_hand(vectors: VectorSet) -> None:
    weights = replace(CALIBRATION, mean=2.0, spread=-4.0, among=0.5)  # of the reference set's scores: 0 and 1
    for one in (CALIBRATION, weights):
        told = judge(Calibrations(REFERENCE, {KIND: one}), KIND, vectors, QUERY, COSINES)
        shift = one.mean * 0 + one.spread * 1 + one.among * np.log(50)  # of six vectors
        expected = 1 / (1 + np.exp(-(50 * COSINES - 40 + shift)))
        assert told.confidences == pytest.approx(expected.tolist(), abs=1e-6)
        assert told.strengths == [
            "strong" if value >= 0.7 else "possible" if value >= 0.3 else "weak" for value in expected
        ]


def test_copies_of_a_result_change_no_confidence(vectors: VectorSet) -> None:
    calibrations = Calibrations(REFERENCE, {KIND: CALIBRATION})
    alone = judge(calibrations, KIND, vectors, QUERY, COSINES[1:2]).confidences[0]
    burst = judge(calibrations, KIND, vectors, QUERY, np.repeat(COSINES[1], 40)).confidences
    assert burst == [alone] * 40


def test_without_a_calibration_of_the_kind_strength_tells_where_a_score_stands(vectors: VectorSet) -> None:
    scores = np.array([4.01, 3.99, 3.01, 2.99, 0.5])  # the reference set's scores have mean 0 and deviation 1
    other = Calibrations(REFERENCE, {"image-to-image": CALIBRATION})
    told = judge(other, KIND, vectors, QUERY, scores)
    assert told.confidences == [None] * 5
    assert told.strengths == ["strong", "possible", "possible", "weak", "weak"]
    of_sample = judge(None, KIND, vectors, QUERY, np.array([COSINES.mean() + 4.1 * COSINES.std(), COSINES.mean()]))
    assert of_sample.strengths == ["strong", "weak"]
    assert judge(None, KIND, vectors, QUERY, np.empty(0)).strengths == []


def test_nothing_matches_where_no_result_is_even_possible() -> None:
    assert nothing_matches([0.29, 0.1])
    assert not nothing_matches([0.1, 0.3])
    assert not nothing_matches([None, None])
    assert not nothing_matches([])


def test_each_source_and_target_is_a_kind_of_search() -> None:
    beach = (Modifier("beach", 0.5),)
    kinds = {
        "text-to-image": Query(Sentence("red")),
        "image-to-image": Query(ImageFile(b"")),
        "steered-text-to-image": Query(Sentence("red"), beach),
        "steered-image-to-image": Query(ImageFile(b""), beach),
        "embedding-to-image": Query(Embedding((1.0,))),
    }
    for kind, query in kinds.items():
        assert kind_of_search(query, "image") == kind
        assert kind_of_search(query, "text") == kind.removesuffix("image") + "text"
    assert kind_of_search(Query(CollectionImage("ab")), "text") == "image-to-text"
    assert kind_of_search(Query(None, beach), "image") == "steered-text-to-image"
    assert kind_of_search(Query(Embedding((1.0,)), beach), "image") == "steered-image-to-image"
