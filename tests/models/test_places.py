"""Evidence by places, on a network of two features whose answer is computed by hand."""

import numpy as np
import pytest
import torch
from toy_match import EVERYWHERE, toy_match, vector

from models.composition import Term
from models.encoders.two_tower_module import ImageTower
from models.explain.grids import on_grid, overlaps
from models.explain.place_evidence import DRAWN, LEAST_SCALE, MOVED, PlaceEvidence, load_explainer, moved
from models.explain.place_graphs import Linear, Shares, Vectors
from models.explain.places import GRID, PlaceVectors
from models.explain.word_regions import SHARPNESS, fit_of
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import SeenImage
from models.types import Pixels

PLACES = GRID * GRID
GREY = 128


def shares(pixels: Pixels) -> np.ndarray:
    """Two features: how far red and green are from grey, of which each place, one pixel, has its part."""
    return ((pixels[..., :2].astype(np.float32) - GREY) / PLACES).reshape(len(pixels), -1)


def places(vectors=lambda x: x) -> PlaceVectors:
    return PlaceVectors(shares, lambda features: features + 1, vectors, vector(0, 0))


def picture(*bright: tuple[int, int, int]) -> Pixels:
    """Return a grey picture with places of another colour: row, column, and which channel is 49 brighter."""
    pixels = np.full((GRID, GRID, 3), GREY, np.uint8)
    for row, column, channel in bright:
        pixels[row, column, channel] += PLACES
    return pixels


def explained(terms, pixels: Pixels, found, **others):
    match = toy_match(terms, found, pixels, lambda texts: np.stack([vector(1, 0)] * len(texts)))
    match.images.update(others)
    return PlaceEvidence(places(), None, (), None).explain(match)


def test_of_a_linear_network_each_place_adds_what_it_is() -> None:
    found = places().of(places().shares(picture((0, 0, 0), (6, 3, 1))))
    expected = np.zeros((PLACES, 2))
    expected[0, 0] = expected[6 * GRID + 3, 1] = 1
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(places().origin, [1, 1])


def test_of_a_square_two_places_share_what_they_have_together() -> None:
    """From 1 to (1 + 1 + 1)^2 by two equal places: 8 in all, 4 each, for each is first on one of the two ways."""
    squared = places(lambda x: x**2)
    found = squared.of(squared.shares(picture((0, 0, 0), (0, 1, 0))))
    np.testing.assert_allclose(found[:2, 0], [4, 4], atol=1e-4)
    np.testing.assert_allclose(found[2:], 0, atol=1e-5)


def test_the_map_leads_from_the_baseline_to_the_score() -> None:
    found = explained([Term("x", vector(1, 0), text="x")], picture((2, 2, 0)), vector(2, 1))
    assert found.baseline == pytest.approx(1)
    assert found.whole().values[2, 2] == pytest.approx(1, abs=1e-5)
    assert found.score == 2
    assert found.rest == pytest.approx(0, abs=1e-5)


def test_each_term_has_a_map_and_they_add_up_to_the_whole() -> None:
    terms = [Term("x", vector(1, 0), text="x"), Term("-y", vector(0, 1), -0.5, "y")]
    found = explained(terms, picture((2, 2, 0), (3, 3, 1)), vector(2, 2))
    by_term = {one.term: one.values for one in found.maps}
    assert set(by_term) == {None, "x", "-y"}
    np.testing.assert_allclose(by_term["x"] + by_term["-y"], by_term[None], atol=1e-6)
    length = np.hypot(1, 0.5)
    assert by_term["x"][2, 2] == pytest.approx(1 / length, abs=1e-5)
    assert by_term["-y"][3, 3] == pytest.approx(-0.5 / length, abs=1e-5)  # it speaks against what is taken away


def test_of_two_images_both_have_a_map_of_the_whole_inner_product() -> None:
    asked = SeenImage(picture((5, 5, 0)), EVERYWHERE)
    found = explained([Term("image", vector(1, 0))], picture((1, 1, 0)), vector(2, 0), query=asked)
    assert found.whole("query").values[5, 5] == pytest.approx(2, abs=1e-5)
    assert found.whole("result").values[1, 1] == pytest.approx(1, abs=1e-5)


def test_faint_evidence_is_painted_faintly() -> None:
    found = explained([Term("x", vector(1, 0), text="x")], picture(), vector(1, 1))
    assert found.scale == LEAST_SCALE
    assert not found.heat().any()


def test_a_query_that_scores_as_any_picture_does_is_said_to_be_unrelated() -> None:
    reference = np.array([[0.0, 0], [2, 0]], np.float32)  # of the query (1, 0): mean 1, standard deviation 1
    explainer = PlaceEvidence(places(), None, (), reference)
    said = {
        score: explainer.explain(toy_match([Term("x", vector(1, 0))], vector(score, 0), picture((1, 1, 0)))).silent
        for score in (2.9, 3.1)
    }
    assert said == {2.9: True, 3.1: False}


def test_words_move_evidence_to_the_places_that_they_fit_and_add_none() -> None:
    values = np.array([1, 1, -2, 8], np.float32)
    fit = np.array([0.3, 0.1, -0.1, -0.3], np.float32)
    found = moved(values, lambda text: fit, "dog", 1.0)
    towards = np.array([3, 1, -1, -3]) / 5**0.5  # as standard scores
    added = values + MOVED * values.std() * towards
    expected = np.zeros(4)
    for part, way in ((added.clip(min=0), towards), (added.clip(max=0), -towards)):
        drawn = part * np.exp(DRAWN * way)
        expected += drawn * part.sum() / drawn.sum()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.sum() == pytest.approx(8, rel=1e-5)
    assert found[0] > added[0]
    np.testing.assert_allclose(moved(-values, lambda text: fit, "dog", -1.0), -found, rtol=1e-5)
    assert moved(values, lambda text: fit, None, 1.0) is values
    assert moved(values, lambda text: np.ones(4, np.float32), "dog", 1.0) is values


def test_a_word_counts_at_the_places_that_it_fits_best() -> None:
    similarities = np.array([[0.5, 0], [0.1, 0]], np.float32)
    weights = np.exp([SHARPNESS * 0.5, SHARPNESS * 0.1])
    weights /= weights.sum()
    expected = 0.75 * weights * [0.5, 0.1]
    np.testing.assert_allclose(fit_of(similarities, np.array([0.75, 0.25], np.float32)), expected, rtol=1e-5)


def test_the_parts_of_cells_that_lie_in_places_add_up_to_the_cells() -> None:
    np.testing.assert_allclose(overlaps(3, 2), [[1, 0.5, 0], [0, 0.5, 1]], atol=1e-6)
    np.testing.assert_allclose(overlaps(9, GRID).sum(axis=0), 1, atol=1e-6)


def test_a_map_on_another_grid_is_shared_out_by_area_and_keeps_its_sum() -> None:
    shared = on_grid(np.array([[3, 0, 0]], np.float32), (2, 2))
    np.testing.assert_allclose(shared, [[1.5, 0], [1.5, 0]], atol=1e-6)
    random = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    assert on_grid(random, (GRID, GRID)).sum() == pytest.approx(random.sum(), abs=1e-5)


def test_the_pieces_together_are_the_tower() -> None:
    torch.manual_seed(0)
    tower = ImageTower().eval()
    pixels = torch.randint(256, (1, 260, 260, 3), dtype=torch.uint8)
    with torch.no_grad():
        features = Shares(tower)(pixels).reshape(1, PLACES, -1).sum(dim=1)
        torch.testing.assert_close(Vectors(tower)(Linear(tower)(features)), tower(pixels), atol=1e-5, rtol=1e-4)


def test_the_shipped_model_s_maps_sum_to_the_score_but_for_a_rest() -> None:
    library = InstalledModels(Execution("torch"))
    encoder = library.encoder("semblance-base")
    pixels = np.random.default_rng(0).integers(0, 255, (260, 260, 3), dtype=np.uint8)
    pixels[80:180, 80:180] = (250, 40, 40)
    explainer = load_explainer(library.explainer_source("semblance-base"))
    text = "a red square"
    found = explainer.explain(
        toy_match(
            [Term(text, encoder.encode_texts([text])[0], text=text)],
            encoder.encode_images(pixels[None])[0],
            pixels,
            encoder.encode_texts,
        )
    )
    assert found.baseline is not None
    assert found.rest is not None
    assert abs(found.rest) < 0.01
    assert [word.word for word in found.words[0].words] == ["a", "red", "square"]
    for word in found.words[0].words:
        assert word.values is not None
        assert word.values.shape == (GRID, GRID)
