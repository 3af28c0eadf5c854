"""Show and Tell against the equations of its LSTM, in loops; and the weights that ship."""

import numpy as np
import pytest
import torch
from demo_set import PHOTOGRAPHS
from openvino_tolerance import openvino_tolerance

from models.captioning.decoding import BeamSearch, Greedy, Sampling
from models.captioning.show_and_tell import ShowAndTell, load_network
from models.errors import CheckpointError
from models.imaging.decode import decode_image
from models.inference.execution import Execution
from models.library import InstalledModels
from models.shipped import captioner_card, weights_folder
from models.text.vocabulary import END, START

CHANNELS, NUMBERS = 6, 9


@pytest.fixture
def network() -> ShowAndTell:
    torch.manual_seed(1)
    return ShowAndTell(CHANNELS, NUMBERS).eval()


def test_the_image_is_the_first_input_and_words_follow(network: ShowAndTell) -> None:
    network.image.standardise_to(torch.randn(20, CHANNELS) * 3 + 1)
    features, words = torch.randn(2, CHANNELS), torch.tensor([[[START, 5, 7], [START, 4, 8]]])
    with torch.no_grad():
        hidden, looks = network(features, words)
    assert looks is None
    for row in range(2):
        expected = slow_outputs(network, features[row].numpy(), words[0, row].tolist())
        np.testing.assert_allclose(hidden[row].numpy(), expected, atol=1e-5)


def test_several_sentences_share_an_image(network: ShowAndTell) -> None:
    features, words = torch.randn(2, CHANNELS), torch.randint(START, NUMBERS, (3, 2, 4))
    with torch.no_grad():
        together = network(features, words)[0].reshape(3, 2, 4, -1)
        for sentence in range(3):
            alone = network(features, words[sentence : sentence + 1])[0]
            torch.testing.assert_close(together[sentence], alone)


def test_steps_foretell_what_a_whole_pass_does(network: ShowAndTell) -> None:
    features, words = torch.randn(2, CHANNELS), torch.tensor([[START, 5, 7], [START, 4, 8]])
    with torch.no_grad():
        whole = network.words.log_probabilities(network(features, words.unsqueeze(0))[0].flatten(0, 1))
        states = network.begin(network.image(features))
        for place in range(words.shape[1]):
            scores, states = network.step(states, words[:, place])
            torch.testing.assert_close(scores, whole.reshape(2, 3, NUMBERS)[:, place], atol=1e-5, rtol=1e-5)


def test_only_words_and_the_end_can_come_next(network: ShowAndTell) -> None:
    scores, _ = network.step(network.begin(torch.randn(1, 512)), torch.tensor([START]))
    assert bool((scores[0, :END] == -torch.inf).all())
    assert scores[0, END:].exp().sum().item() == pytest.approx(1, abs=1e-5)


def slow_outputs(network: ShowAndTell, features: np.ndarray, words: list[int]) -> np.ndarray:
    weights = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    standard = (features - weights["image.mean"]) / weights["image.std"]
    image = weights["image.project.weight"] @ standard + weights["image.project.bias"]
    hidden = cell = np.zeros(512)
    outputs = []
    for x in (image, *(weights["words.vectors"][word] * np.sqrt(512) for word in words)):
        gates = weights["lstm.weight_ih_l0"] @ x + weights["lstm.bias_ih_l0"]
        gates = gates + weights["lstm.weight_hh_l0"] @ hidden + weights["lstm.bias_hh_l0"]
        let_in, forget, new, show = np.split(gates, 4)
        cell = sigmoid(forget) * cell + sigmoid(let_in) * np.tanh(new)
        hidden = sigmoid(show) * np.tanh(cell)
        outputs.append(hidden)
    return np.array(outputs[1:])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    return [decode_image((PHOTOGRAPHS / f"{name}.jpg").read_bytes()).pixels for name in ("toucan", "moose", "petra")]


@pytest.fixture(scope="module")
def captioner():
    return InstalledModels().captioner("show-and-tell")


def test_the_shipped_captioner_says_what_is_to_be_seen(captioner, photographs) -> None:
    prepared = np.stack([captioner.prepare(pixels) for pixels in photographs])
    assert prepared.shape == (3, 260, 260, 3)
    captions = captioner.describe(prepared, BeamSearch(3))
    for caption, words in zip(captions, [{"bird"}, {"bear", "cow", "horse", "moose"}, {"building"}], strict=True):
        assert words & set(caption.words)
        assert caption.text == " ".join(caption.words)
        assert caption.log_probability < 0
        assert caption.attention is None


def test_a_better_search_finds_a_more_probable_sentence(captioner, photographs) -> None:
    prepared = np.stack([captioner.prepare(pixels) for pixels in photographs])
    greedy, beam = (captioner.describe(prepared, decoder) for decoder in (Greedy(), BeamSearch(5)))
    assert all(b.log_probability >= g.log_probability for g, b in zip(greedy, beam, strict=True))


def test_samples_differ_and_repeat_with_their_seed(captioner, photographs) -> None:
    prepared = np.stack([captioner.prepare(pixels) for pixels in photographs])
    draws = [[caption.words for caption in captioner.describe(prepared, Sampling(seed=seed))] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_no_images_give_no_captions(captioner) -> None:
    assert captioner.describe(np.empty((0, 260, 260, 3), np.uint8), Greedy()) == []


def test_torch_and_openvino_see_the_same_image(captioner, photographs) -> None:
    tolerance = openvino_tolerance(0.04, 2.0)
    reference = InstalledModels(Execution("torch")).captioner("show-and-tell")
    prepared = np.stack([captioner.prepare(photographs[0])])
    ours, theirs = (one.describe(prepared, Greedy())[0] for one in (captioner, reference))
    assert ours.log_probability == pytest.approx(theirs.log_probability, abs=tolerance)


def test_weights_of_another_architecture_are_refused() -> None:
    with pytest.raises(CheckpointError, match="imagenet-lite"):
        load_network(other_card(), weights_folder("imagenet-lite"))


def other_card():
    from dataclasses import replace

    from models.shipped import part_card

    part = part_card("imagenet-lite")
    return replace(captioner_card("show-and-tell"), name=part.name, weights_sha256=part.weights_sha256)
