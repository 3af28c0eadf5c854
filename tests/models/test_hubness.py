"""What is near to all queries is not taken for what is meant."""

import pytest
import torch
from torch.nn import functional as F

from lab.data.captioned import DEV_SETS, load_split, training_data_root
from lab.evaluation.encoded import EncodedSet, encode_captioned
from models.encoders.hubness import CENTRES, Hubness, hubness_of_image, hubness_of_text
from models.encoders.two_tower_module import MEANING
from models.library import InstalledModels
from models.types import Vectors

WIDTH = 16


def _fitted(like: torch.Tensor) -> Hubness:
    torch.manual_seed(0)
    shares = torch.rand(CENTRES) + 0.1
    hubness = Hubness(WIDTH)
    hubness.take(F.normalize(torch.randn(CENTRES, WIDTH), dim=1), shares / shares.sum(), like)
    return hubness


def _vectors(count: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(count)), dim=1)


def test_without_a_bank_nothing_is_a_hub() -> None:
    assert Hubness(WIDTH)(_vectors(5)).abs().max() < 1e-6


def test_it_is_the_logarithm_of_the_mean_exponential_less_its_mean() -> None:
    vectors = _vectors(50)
    hubness = _fitted(vectors)
    near = torch.exp(20 * vectors @ hubness.centres.T) @ hubness.log_shares.exp()
    expected = near.log() / 20
    torch.testing.assert_close(hubness(vectors)[:, 0], expected - expected.mean(), atol=1e-5, rtol=0)


def test_the_inner_product_takes_both_hubnesses_from_the_likeness() -> None:
    of_image, of_text = torch.tensor([[0.05], [-0.02]]), torch.tensor([[0.01], [0.03]])
    product = hubness_of_image(of_image) @ hubness_of_text(of_text, torch.ones(2, 1)).T
    torch.testing.assert_close(product, -(0.4 * of_image + 0.2 * of_text.T), atol=1e-3, rtol=0)


@pytest.mark.parametrize("sentence", [0.0, 0.3, 1.0])
def test_a_name_asks_for_hubs_too(sentence: float) -> None:
    coordinates = hubness_of_text(torch.zeros(1, 1), torch.full((1, 1), sentence))
    hub, other = hubness_of_image(torch.tensor([[0.1]])), hubness_of_image(torch.zeros(1, 1))
    assert float((other - hub) @ coordinates.T) == pytest.approx(0.04 * sentence)


@pytest.mark.parametrize("hubness", [-9.0, -0.1, 0.0, 0.1, 9.0])
def test_all_vectors_are_equally_long(hubness: float) -> None:
    column = torch.full((1, 1), hubness)
    for coordinates in (hubness_of_image(column), *(hubness_of_text(column, torch.full((1, 1), s)) for s in (0, 1))):
        assert coordinates.norm() == pytest.approx(0.5)


def test_names_and_sentences_are_compared_alike() -> None:
    name, sentence = (hubness_of_text(torch.zeros(1, 1), torch.full((1, 1), much))[0] for much in (0.0, 1.0))
    assert float(name @ sentence) == pytest.approx(0.25, abs=0.025)


@pytest.mark.training_data
@pytest.mark.parametrize("name", DEV_SETS)
def test_more_captions_find_their_own_photograph_than_by_meaning_alone(name: str) -> None:
    if training_data_root() is None:
        pytest.skip("needs the captioned photographs: set SEMBLANCE_TRAINING_DATA")
    encoded = encode_captioned(InstalledModels().encoder("semblance-base"), load_split(name).first(300))
    meaning = encoded.captions[:, :MEANING] @ encoded.images[:, :MEANING].T
    assert _first(encoded.captions @ encoded.images.T, encoded) > _first(meaning, encoded)


def _first(scores: Vectors, encoded: EncodedSet) -> int:
    return int((scores.argmax(axis=1) == encoded.image_of_caption).sum())
