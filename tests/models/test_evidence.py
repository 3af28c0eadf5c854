"""What evidence says of itself."""

import numpy as np
import pytest

from models.evidence import Evidence, EvidenceMap

EVERYWHERE = (0.0, 0.0, 1.0, 1.0)


def evidence(*maps: EvidenceMap, scale: float = 1.0) -> Evidence:
    return Evidence(maps, scale, (), (("dog", 0.1), ("+cat", 0.2), ("rerank", 0.3)))


def grid(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_the_score_is_the_sum_of_the_contributions_to_the_printed_digit() -> None:
    assert 0.1 + 0.2 + 0.3 != 0.6
    assert evidence().score == 0.6


def test_heat_is_what_speaks_for_the_query_up_to_the_scale() -> None:
    heat = evidence(EvidenceMap(grid(-0.5, 0, 0.05, 0.2, 0.3), EVERYWHERE), scale=0.2).heat()
    np.testing.assert_allclose(heat, [[0, 0, 0.25, 1, 1]], rtol=1e-6)
    assert heat.dtype == np.float32


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_without_a_scale_nothing_is_painted(scale: float) -> None:
    heat = evidence(EvidenceMap(grid(-0.5, 0, 0.3), EVERYWHERE), scale=scale).heat()
    np.testing.assert_array_equal(heat, [[0, 0, 0]])


def test_maps_are_told_apart_by_image_and_term() -> None:
    both = evidence(
        EvidenceMap(grid(0.25), EVERYWHERE, "result", "dog"),
        EvidenceMap(grid(0.5), (0.25, 0, 0.75, 1), "query"),
        EvidenceMap(grid(0.75), EVERYWHERE),
    )
    assert both.heat().item() == 0.75
    assert both.heat("query").item() == 0.5
    assert both.whole("query").region == (0.25, 0, 0.75, 1)


def test_an_image_that_was_not_looked_at_has_no_map() -> None:
    with pytest.raises(LookupError, match="query image"):
        evidence(EvidenceMap(grid(1), EVERYWHERE)).heat("query")
    with pytest.raises(LookupError, match="result image"):
        evidence(EvidenceMap(grid(1), EVERYWHERE, "result", "dog")).whole()
