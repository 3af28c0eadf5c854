"""Excitation back-propagation, on networks of a few units whose answer is computed by hand, and on the shipped one."""

import numpy as np
import pytest
import torch
from toy_match import toy_match, vector

from models.composition import Term
from models.errors import QueryError
from models.explain.excitation import MATCHER, Reading, SimilarityNetwork, words_of
from models.explain.excitation_lstm import LstmWeights, back, run
from models.explain.excitation_rules import through_layer, through_sum
from models.explain.reranked import with_matcher
from models.inference.execution import Execution
from models.library import InstalledModels
from models.matchers.lstm_similarity_module import LstmSimilarity

CHANNELS, PLACES = 7, 9


def test_a_unit_hands_its_probability_to_those_that_excite_it_in_proportion() -> None:
    found = through_layer(np.array([0.6, 0.4]), np.array([[1.0, 3, -5], [2, 0, 2]]))
    np.testing.assert_allclose(found.below, [0.6 / 4 + 0.4 / 2, 0.6 * 3 / 4, 0.4 / 2])
    assert found.lost == 0


def test_what_nothing_excites_is_lost_and_counted() -> None:
    found = through_layer(np.array([0.6, 0.4]), np.array([[1.0, 1], [-1, 0]]))
    np.testing.assert_allclose(found.below, [0.3, 0.3])
    assert found.lost == pytest.approx(0.4)


def test_summands_share_in_proportion_and_nothing_is_nobody_s() -> None:
    first, second = through_sum(np.array([0.8, 0.0]), np.array([1.0, 0]), np.array([3.0, 0]))
    np.testing.assert_allclose(first, [0.2, 0])
    np.testing.assert_allclose(second, [0.6, 0])


def test_an_lstm_of_one_unit_by_hand() -> None:
    """All gates are a half. g: 2, then 1 + 1 + 0.5; cell: 1, then 0.5 kept and 1.25 new; output 0.5."""
    of_input, of_output = np.zeros((4, 2)), np.zeros((4, 1))
    of_input[3], of_output[3] = [2, -1], 1
    weights = LstmWeights(of_input, of_output, np.zeros(4), np.ones(1))
    steps, output = run(weights, [np.array([1.0, 0]), np.array([0.5, -1])])
    assert output == pytest.approx([0.875])
    found = back(weights, steps, output)
    assert found is not None
    # of the cell's 1, 2/7 was kept and 5/7 new, which the word's entries excite by 1 each and the output by 0.5
    np.testing.assert_allclose(found.others, [[2 / 7, 2 / 7]])
    np.testing.assert_allclose(found.first, [2 / 7 + 1 / 7])
    assert found.lost == 0
    assert back(weights, steps, output, dual=True) is None


def loops(weights: LstmWeights, inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return what comes to the first step's units and to each further input, and what is lost, unit by unit."""
    steps, output = run(weights, inputs)
    size, dimension = weights.hidden, len(inputs[0])
    w, u = weights.of_input[3 * size :], weights.of_output[3 * size :]
    excited = [max(weights.read[i] * output[i], 0) for i in range(size)]
    of_output = [value / sum(excited) for value in excited]
    of_cell, others, lost = [0.0] * size, [], 0.0
    for step in steps[:0:-1]:
        of_input, of_before, of_kept = [0.0] * dimension, [0.0] * size, [0.0] * size
        for unit in range(size):
            own, whole = of_cell[unit] + of_output[unit], step.kept[unit] + step.new[unit]
            of_kept[unit] = own * step.kept[unit] / whole if whole else 0.0
            of_new = own * step.new[unit] / whole if whole else 0.0
            entries = [max(w[unit, j] * step.given[j], 0) for j in range(dimension)]
            before = [max(u[unit, j] * step.output_before[j], 0) for j in range(size)]
            total = sum(entries) + sum(before)
            lost += 0.0 if total else of_new
            for j in range(dimension):
                of_input[j] += of_new * entries[j] / total if total else 0.0
            for j in range(size):
                of_before[j] += of_new * before[j] / total if total else 0.0
        others.append(of_input)
        of_cell, of_output = of_kept, of_before
    return np.add(of_cell, of_output), np.array(others[::-1]), lost


def test_an_lstm_of_several_units_equals_loops_and_keeps_probability() -> None:
    random = np.random.default_rng(0)
    for dual in (False, True):
        read = random.normal(size=4)
        weights = LstmWeights(random.normal(size=(16, 3)), random.normal(size=(16, 4)), random.normal(size=16), read)
        inputs = list(random.normal(size=(5, 3)))
        steps, output = run(weights, inputs)
        found = back(weights, steps, output, dual=dual)
        assert found is not None
        first, others, lost = loops(
            LstmWeights(weights.of_input, weights.of_output, weights.bias, -read) if dual else weights, inputs
        )
        np.testing.assert_allclose(found.first, first, atol=1e-9)
        np.testing.assert_allclose(found.others, others, atol=1e-9)
        assert found.lost == pytest.approx(lost, abs=1e-9)
        assert found.first.sum() + found.others.sum() + found.lost == pytest.approx(1, abs=1e-6)


@pytest.fixture(scope="module")
def module() -> LstmSimilarity:
    torch.manual_seed(0)
    network = LstmSimilarity(torch.randn(20, 300), features=CHANNELS).eval()
    network.image_vector.standardise_to(torch.rand(50, CHANNELS))
    return network


@pytest.fixture(scope="module")
def network(module: LstmSimilarity) -> SimilarityNetwork:
    return SimilarityNetwork({name: value.numpy() for name, value in module.state_dict().items()}, module.words.numpy())


@pytest.fixture(scope="module")
def reading(network: SimilarityNetwork) -> Reading:
    return network.read(np.array([5, 6, 7]), feature_map())


def feature_map() -> np.ndarray:
    return np.random.default_rng(1).random((CHANNELS, PLACES), np.float32)


def test_the_network_in_numpy_gives_the_module_s_logits(module: LstmSimilarity, reading: Reading) -> None:
    numbers = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        images = module.image_vector(torch.from_numpy(feature_map()).mean(dim=1)[None])
        expected = module(numbers, torch.ones_like(numbers), images)
    assert reading.logit == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("dual", [True, False])
def test_probability_is_kept_on_the_way_to_words_and_places(
    network: SimilarityNetwork, reading: Reading, at_once: bool, dual: bool
) -> None:
    found = network.follow(reading, dual=dual, at_once=at_once)
    assert found is not None
    assert found.words.shape == (3,)
    assert found.places.shape == (PLACES,)
    assert (found.places >= 0).all()
    assert found.places.sum() > 0.01
    assert found.words.sum() + found.places.sum() + found.lost == pytest.approx(1, abs=1e-6)


def test_a_place_excites_a_unit_by_what_the_unit_would_be_without_the_others(
    module: LstmSimilarity, network: SimilarityNetwork, reading: Reading
) -> None:
    """The oracle: the layers of the image are linear where its hidden units stay on or off."""
    found = network.follow(reading, dual=False)
    first = back(network.lstm, reading.steps, reading.output)
    assert found is not None
    assert first is not None
    hidden, out = (module.image_vector.layers[at] for at in (0, 3))
    on = torch.from_numpy(reading.hidden > 0)
    expected = np.zeros(PLACES)
    with torch.no_grad():
        units = module.lstm.from_input.weight[3 * module.lstm.hidden :]
        alone = [hidden.weight @ torch.from_numpy(reading.places[:, place]).float() for place in range(PLACES)]
        added = torch.stack([units @ (out.weight @ (one * on)) for one in alone], dim=1).numpy()
    for unit, probability in enumerate(first.first):
        exciting = added[unit].clip(min=0)
        expected += probability * exciting / exciting.sum()
    np.testing.assert_allclose(found.places, expected, atol=1e-5)


def test_pieces_are_merged_to_the_words_of_the_text_and_what_was_cut_has_nothing() -> None:
    text = "A t-shirt, the dog’s ball"
    found = words_of(text, ["a", "t", "shirt", "the", "dog's"], np.array([1.0, 2, 4, 8, 16]))
    assert [(word.word, word.value) for word in found] == [
        ("A", 1), ("t-shirt", 6), ("the", 8), ("dog’s", 16), ("ball", 0),
    ]  # fmt: skip
    assert all(text[word.start : word.end] == word.word for word in found)


def test_the_name_of_an_emoji_is_no_word_of_the_text() -> None:
    found = words_of("dog 🐕 ball", ["dog", "dog", "ball"], np.array([1.0, 2, 4]))
    assert [(word.word, word.value) for word in found] == [("dog", 1), ("ball", 4)]


def test_the_shipped_similarity_is_explained_by_words_and_places() -> None:
    library = InstalledModels(Execution("torch"))
    encoder, matcher = library.encoder("semblance-base"), library.matcher(MATCHER)
    explainer = library.explainer("semblance-base", "excitation")
    pixels = np.random.default_rng(0).integers(0, 255, (260, 260, 3), np.uint8)
    text, (query,) = "a dog on the t-shirt", encoder.encode_texts(["a dog on the t-shirt"])
    features = {MATCHER: matcher.encode_images(pixels[None])[0]}
    match = toy_match([Term(text, query, text=text)], query, pixels, encoder.encode_texts, matcher, features)
    found = explainer.explain(match)
    assert found.whole().values.shape == (7, 7)
    assert found.whole().values.sum() == pytest.approx(0, abs=1e-6)
    assert found.of_matcher == MATCHER
    reranked = with_matcher(found, match)
    assert reranked.maps == found.maps
    assert [words.label for words in reranked.words] == [text, f"rerank: {MATCHER}"]
    assert [word.word for word in found.words[0].words] == ["a", "dog", "on", "the", "t-shirt"]
    assert 0 < sum(word.value for word in found.words[0].words) < 1
    assert found.scale == pytest.approx(found.whole().values.max())
    with pytest.raises(QueryError, match="excitation"):
        explainer.explain(toy_match([Term("image", vector(1, 0))], vector(1, 0), pixels))
