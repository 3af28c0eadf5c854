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
from lab.training.single_network import Recipe, recipe_of, ship, without_batch_norm
from lab.training.word_colours import WordColours
from models.cards import EncoderCard, read_encoder_card
from models.composition import Term
from models.encoders import single_network
from models.encoders.single_network import ByRows
from models.encoders.single_network_module import DIMENSION, SingleNetwork, new_network
from models.errors import CheckpointError
from models.explain.grad_cam import GradCam
from models.imaging.decode import decode_image
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.protocols import DualEncoder
from models.text.text_image import PITCH, TextImages
from models.text.word_vectors import load_word_vectors


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
    return ship(job, Recipe(views=2, word_loss=0.2, passes=1, batch=4, others=3)), job.output


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
        means = tower.map(torch.from_numpy(prepared[None])).double().mean(dim=(2, 3))
        tower.project.double()
        more, less = (tower.project(means * (1 + step))[0] for step in (1e-3, -1e-3))
    slope = float((more - less).numpy() @ query) / 2e-3
    assert values.sum() == pytest.approx(slope, rel=1e-3)


def test_openvino_gives_what_torch_gives(encoder: DualEncoder, trained: tuple[EncoderCard, Path]) -> None:
    pytest.importorskip("openvino")
    other = single_network.load_encoder(*trained, Compiler(Execution("openvino")))
    texts = [" ".join(["dog", "beach", "water"] * count) for count in range(11)]  # of every number of rows
    assert (encoder.encode_texts(texts) * other.encode_texts(texts)).sum(axis=1).min() > 0.9999


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
    vectors = ByRows([network, network], 128)(images, np.array([4, 3, 4]))
    assert vectors[:, 0].tolist() == [7, 8, 9]
    assert seen == [(1, 3 * PITCH, 2, 3), (2, 4 * PITCH, 2, 3)]


def _network() -> SingleNetwork:
    torch.manual_seed(0)
    return new_network().eval()


def _text_images(*texts: str) -> torch.Tensor:
    words = load_word_vectors()
    images, _ = TextImages(words.vocabulary, WordColours(words.matrix).pixel_values())(texts)
    return torch.from_numpy(images)


def test_both_kinds_of_image_go_through_every_parameter() -> None:
    network = _network().requires_grad_(True)
    photograph = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8))
    for pixels in (photograph, _text_images("a dog runs on the beach")):
        network.zero_grad()
        (network(pixels) * torch.linspace(-1, 1, DIMENSION)).sum().backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_shuffled_words_move_the_vector() -> None:
    with torch.no_grad():
        one, other = _network()(_text_images("a dog chases a man on the beach", "a man chases a dog on the beach"))
    assert one @ other < 0.9999


def test_convolutions_do_what_batch_norm_did() -> None:
    pixels = _text_images("a dog runs on the beach")
    torch.testing.assert_close(
        without_batch_norm(_network()).features(pixels), _network().features(pixels), atol=1e-3, rtol=1e-3
    )


def test_only_the_projection_of_the_network_is_trained() -> None:
    trained = [name for name, value in new_network().named_parameters() if value.requires_grad]
    assert trained == ["project.map.weight"]


def test_configurations_are_the_documents() -> None:
    standard, second = recipe_of("single-network-standard"), recipe_of("single-network")
    assert (standard.views, standard.word_loss, second.views) == (1, 0.0, 2)
    assert standard.sets == ("flickr8k-train",)
