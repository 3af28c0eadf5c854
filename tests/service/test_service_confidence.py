"""Which calibration a query has, and what it makes of the scores, computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from published_collection import publish_collection
from toy_encoder import CALIBRATION, ToyEncoder

from indexer.collections import collection_dir
from indexer.store.arrays import VectorSet
from indexer.store.generation import open_current
from service.search.confidence import NOTHING_MATCHES, calibration_for, judge
from service.search.query import CollectionImage, Embedding, ImageFile, Modifier, Query, Sentence

QUERY = np.array([1, 0, 0, 0], np.float32)
COSINES = np.array([0.9, 0.8, 0.75, 0.7, 0.6, 0.55, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
"""Of twelve images with ``QUERY``: more than the ten best that are told apart."""


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorSet]:
    """Twelve vectors, at ``COSINES`` to ``QUERY``."""
    folder = tmp_path_factory.mktemp("cosines")
    matrix = np.stack([COSINES, np.sqrt(1 - COSINES**2), 0 * COSINES, 0 * COSINES], axis=1).astype(np.float32)
    paths = [Path(f"/photographs/{number:02}.jpg") for number in range(len(matrix))]
    publish_collection(folder, "cosines", paths, matrix, ToyEncoder())
    with open_current(collection_dir(folder, "cosines")) as generation:
        yield generation.vector_set("toy", "image")


def match_probability() -> float:
    return float(1 / (1 + np.exp(-(50 * COSINES[0] - 40))))


def expected() -> NDArray[np.float64]:
    """Return the confidence in every result: its share is known exactly, for the sample is the whole collection."""
    share = -np.log(np.exp((COSINES - COSINES[0]) / 0.05).sum())
    return match_probability() / (1 + np.exp(-(1 + share + (COSINES - COSINES[0]) / 0.05)))


@pytest.mark.parametrize("results", [10, 12])
def test_a_confidence_is_the_match_s_probability_times_the_result_s(vectors: VectorSet, results: int) -> None:
    confidences, warnings = judge(CALIBRATION, vectors, QUERY, COSINES[:results])
    assert confidences == pytest.approx(expected()[:results].tolist(), abs=2e-6)
    assert confidences == [round(confidence or 0, 6) for confidence in confidences]
    assert warnings == ()


def test_below_its_threshold_a_match_is_warned_of_and_at_it_not(vectors: VectorSet) -> None:
    probability = float(CALIBRATION.match_probability(np.array([COSINES[0], 0, 0, 0])))
    assert probability == pytest.approx(match_probability())
    for threshold, told in ((probability, ()), (np.nextafter(probability, 1), (NOTHING_MATCHES,))):
        confidences, warnings = judge(replace(CALIBRATION, threshold=threshold), vectors, QUERY, COSINES[:10])
        assert warnings == told
        assert confidences == pytest.approx(expected()[:10].tolist(), abs=2e-6)


def test_without_a_calibration_or_a_result_nothing_is_said(vectors: VectorSet) -> None:
    assert judge(None, vectors, QUERY, COSINES[:3]) == ([None, None, None], ())
    assert judge(CALIBRATION, vectors, QUERY, COSINES[:0]) == ([], ())


def test_the_warning_is_in_whole_words() -> None:
    assert NOTHING_MATCHES == "Nothing in this collection seems to match: these are only the nearest results."


def test_each_kind_of_query_and_target_has_its_own_calibration() -> None:
    text, image = replace(CALIBRATION, threshold=0.1), replace(CALIBRATION, threshold=0.2)
    card = ToyEncoder(calibrations={"text-to-image": text, "image-to-text": image}).card
    assert calibration_for(card, Query(Sentence("red")), "image") is text
    assert calibration_for(card, Query(ImageFile(b"")), "text") is image
    assert calibration_for(card, Query(CollectionImage("ab")), "text") is image


def test_a_query_of_no_kind_or_one_that_nothing_is_fitted_for_has_none() -> None:
    card = ToyEncoder(calibrations={"text-to-image": CALIBRATION, "None-to-image": CALIBRATION}).card
    assert calibration_for(card, Query(Sentence("red")), "text") is None
    assert calibration_for(card, Query(ImageFile(b"")), "image") is None
    beach = (Modifier("beach", 0.5),)
    for query in (Query(Sentence("red"), beach), Query(None, beach), Query(Embedding((1.0,)))):
        assert calibration_for(card, query, "image") is None
