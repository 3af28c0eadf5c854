"""The single network trains, ships and explains from end to end, and a sentence's vector is its own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from demo_set import PHOTOGRAPHS, write_training_sets
from toy_match import toy_match

from lab.checkpoint import write_checkpoint
from lab.training.job import Job
from lab.training.loop import PassReport
from lab.training.single_network import IdentityLoss, Recipe, lossy, mean_words, predicting_map, recipe_of, ship
from models.cards import EncoderCard, read_encoder_card
from models.composition import Term
from models.encoders import single_network, single_network_module
from models.encoders.single_network import ByRows
from models.encoders.single_network_module import DIMENSION
from models.errors import CheckpointError
from models.explain.grad_cam import GradCam
from models.imaging.decode import decode_image
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.protocols import DualEncoder
from models.text.text_image import PITCH


class _Silent:
    def features(self, part: str, done: int, total: int) -> None:
        assert 0 < done <= total

    def step(self, stage: str, done: int, total: int, loss: float) -> None:
        assert np.isfinite(loss)

    def one_pass(self, stage: str, report: PassReport) -> None:
        assert 0 < report.score <= 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncoderCard, Path]:
    sets = write_training_sets(tmp_path_factory.mktemp("sets"))
    job = Job("single-network", sets, sets / "work", sets / "out", _Silent())
    return ship(job, Recipe(photographs=2, texts=2, word_loss=0.2, passes=1, batch=4)), job.output


@pytest.fixture(scope="module")
def encoder(trained: tuple[EncoderCard, Path]) -> DualEncoder:
    return single_network.load_encoder(*trained, Compiler(Execution("torch")))


def test_it_ships_what_is_tuned_and_no_more(trained: tuple[EncoderCard, Path]) -> None:
    card, folder = trained
    assert card == read_encoder_card(folder)
    assert set(card.quality) == {"flickr8k-dev", "coco-dev"}
    assert set(card.parts) == {"imagenet-lite", "word-vectors"}
    assert card.weights_bytes < 5_000_000


def test_a_sentence_has_the_same_vector_alone_and_in_company(encoder: DualEncoder) -> None:
    texts = ["a dog", "two dogs run over the beach and " * 4, "", "qqq zzz", "a red flower in the grass"]
    together = encoder.encode_texts(texts)
    assert together.shape == (5, DIMENSION)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(encoder.encode_texts([text])[0], vector, atol=1e-4)
    np.testing.assert_allclose(together[2], together[3], atol=1e-5)  # neither has a known word


def test_what_explains_is_what_encodes(encoder: DualEncoder, trained: tuple[EncoderCard, Path]) -> None:
    prepared = encoder.prepare(decode_image((PHOTOGRAPHS / "bee-red-blossom.jpg").read_bytes()).pixels)
    tower = single_network.load_image_tower(*trained)
    _, explained = tower.trace(torch.from_numpy(prepared[None]))
    assert (explained.detach().numpy() * encoder.encode_images(prepared[None])).sum() > 0.999


def test_the_map_adds_up_to_how_the_score_grows_with_the_last_map(
    encoder: DualEncoder, trained: tuple[EncoderCard, Path]
) -> None:
    prepared = encoder.prepare(decode_image((PHOTOGRAPHS / "bee-red-blossom.jpg").read_bytes()).pixels)
    (query,) = encoder.encode_texts(["a red flower"])
    tower = single_network.load_image_tower(*trained)
    values = GradCam(tower).explain(toy_match([Term("query", query)], query, prepared)).whole().values
    assert values.shape == (7, 7)
    with torch.inference_mode():
        early, last = (feature_map.double() for feature_map in tower.maps(torch.from_numpy(prepared[None])))
        tower.project.double()
        more, less = (tower.project(tower.features(early, last * (1 + step)))[0] for step in (1e-3, -1e-3))
    slope = float((more - less).numpy() @ query) / 2e-3
    assert values.sum() == pytest.approx(slope, rel=1e-3)


def test_openvino_gives_what_torch_gives(encoder: DualEncoder, trained: tuple[EncoderCard, Path]) -> None:
    pytest.importorskip("openvino")
    other = single_network.load_encoder(*trained, Compiler(Execution("openvino")))
    texts = ["a dog", "two dogs run over the beach and the sand and the water near a man", ""]
    assert (encoder.encode_texts(texts) * other.encode_texts(texts)).sum(axis=1).min() > 0.99


def test_other_weights_are_refused(trained: tuple[EncoderCard, Path], tmp_path: Path) -> None:
    card = {"name": "toy", "description": "", "licence": "", "architecture": "single_network", "dimension": DIMENSION}
    write_checkpoint(tmp_path, {"project.map.weight": torch.zeros(3, 4)}, card | {"preprocessing": {
        "size": 224, "fit": "squash", "resample": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3}})  # fmt: skip
    with pytest.raises(CheckpointError, match="architecture"):
        single_network.load_image_tower(read_encoder_card(tmp_path), tmp_path)


def test_each_height_runs_by_itself() -> None:
    seen = []

    def network(*inputs: np.ndarray) -> np.ndarray:
        seen.append(inputs[0].shape)
        return np.repeat(inputs[0][:, 0, 0, :1].astype(np.float32), DIMENSION, axis=1)

    images = np.zeros((3, 4 * PITCH, 2, 3), np.uint8)
    images[:, 0, 0, 0] = 7, 8, 9
    vectors = ByRows(network, 128)(images, np.array([4, 3, 4]))
    assert vectors[:, 0].tolist() == [7, 8, 9]
    assert seen == [(1, 3 * PITCH, 2, 3), (2, 4 * PITCH, 2, 3)]


def test_the_early_map_is_averaged_over_squares_place_by_place() -> None:
    network = single_network_module.new_network()
    early, last = torch.randn(2, 40, 8, 12), torch.randn(2, 1280, 2, 3)
    got = network.features(early, last)
    assert got.shape == (2, single_network_module.FEATURES)
    # place (1, 2) of the 4 x 4 in a square of 32 pixels: the mean over 2 x 3 squares
    place = sum(early[:, :, 1 + 4 * row, 2 + 4 * column] for row in range(2) for column in range(3)) / 6
    torch.testing.assert_close(got[:, 40 * 6 : 40 * 7], place)
    torch.testing.assert_close(got[:, -1280:], last.mean(dim=(2, 3)))


def test_only_the_projection_is_trained() -> None:
    trained = [name for name, value in single_network_module.new_network().named_parameters() if value.requires_grad]
    assert trained == ["project.map.weight"]


def test_a_lossy_sentence_keeps_a_word() -> None:
    random = np.random.default_rng(0)
    assert lossy([1, 2, 3], 0.0, random) == [1, 2, 3]
    assert lossy([4], 0.9, random) == [4]
    kept = [lossy(list(range(10)), 0.2, random) for _ in range(500)]
    assert all(one and one == sorted(one) for one in kept)
    assert np.mean([len(one) for one in kept]) == pytest.approx(8.2, abs=0.2)
    assert all(lossy([1, 2], 1.0, random) for _ in range(9))


def test_the_identity_loss_by_hand() -> None:
    recipe = Recipe(scale=2.0, centre_weight=0.5)
    loss = IdentityLoss(torch.eye(2), recipe)
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    # logits (2, 0) twice, identities 0 and 1; squared distances to the centres 0 and 2, halved, a mean of 1/2
    softmax = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(2))) / 2
    assert loss(vectors, torch.tensor([0, 1])).item() == pytest.approx(softmax + 0.5 * 0.5, rel=1e-6)


def test_frequent_words_weigh_less_in_a_mean() -> None:
    vectors = torch.eye(3)
    got = mean_words([[0, 1], [0], []], vectors)
    weights = [1e-3 / (1e-3 + 2 / 3), 1e-3 / (1e-3 + 1 / 3)]
    torch.testing.assert_close(got, torch.tensor([[weights[0] / 2, weights[1] / 2, 0], [weights[0], 0, 0], [0, 0, 0]]))


def test_the_projection_starts_as_what_predicts_the_targets() -> None:
    torch.manual_seed(0)
    features = torch.randn(400, 6)
    features = (features - features.mean(dim=0)) / features.std(dim=0)
    targets = features[:, :2] @ torch.tensor([[3.0, 0.0, 1.0], [0.0, 1.0, 0.0]]) + 5
    found = predicting_map(features, targets, rank=2, ridge=1e-6)
    assert found.shape == (2, 6)
    assert found[:, 2:].abs().max() < 0.01  # the other features tell nothing
    assert found[0, :2].abs().argmax() == 0  # the first direction is the strongest
    assert predicting_map(features, targets, rank=5).shape == (5, 6)


def test_configurations_are_the_documents() -> None:
    standard, second = recipe_of("single-network-standard"), recipe_of("single-network")
    assert (standard.photographs, standard.texts) == (1, 5)
    assert (second.photographs, second.texts) == (6, 10)
    assert standard.batch == second.batch == 45
