"""Show, Attend and Tell against its equations, in loops."""

import numpy as np
import pytest
import torch

from models.captioning.attention import ShowAttendTell
from models.captioning.decoding import Greedy
from models.text.vocabulary import START

CHANNELS, NUMBERS, PLACES = 6, 9, 49
WORDS = torch.tensor([[START, 5, 7], [START, 4, 8]])


@pytest.fixture
def network() -> ShowAttendTell:
    torch.manual_seed(1)
    return ShowAttendTell(CHANNELS, NUMBERS).eval()


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, PLACES, CHANNELS, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_a_pass_is_as_the_equations_say(network: ShowAttendTell, features: torch.Tensor) -> None:
    hidden, looks = network(features, WORDS.unsqueeze(0))
    for row in range(2):
        outputs, shares = slow_pass(network, features[row].double().numpy(), WORDS[row].tolist())
        np.testing.assert_allclose(hidden[row].numpy(), outputs, atol=1e-5)
        np.testing.assert_allclose(looks[row].numpy(), shares, atol=1e-6)


@torch.no_grad()
def test_several_sentences_share_an_image(network: ShowAttendTell, features: torch.Tensor) -> None:
    words = torch.randint(START, NUMBERS, (3, 2, 4))
    hidden, looks = network(features, words)
    for sentence in range(3):
        alone = network(features, words[sentence : sentence + 1])
        torch.testing.assert_close(hidden.reshape(3, 2, 4, -1)[sentence], alone[0])
        torch.testing.assert_close(looks.reshape(3, 2, 4, -1)[sentence], alone[1])


@torch.no_grad()
def test_steps_foretell_what_a_whole_pass_does(network: ShowAttendTell, features: torch.Tensor) -> None:
    whole = network.words.log_probabilities(network(features, WORDS.unsqueeze(0))[0].flatten(0, 1))
    states = network.begin(network.image(features))
    for place in range(WORDS.shape[1]):
        scores, states = network.step(states, WORDS[:, place])
        torch.testing.assert_close(scores, whole.reshape(2, 3, NUMBERS)[:, place], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_where_it_looked_for_a_sentence_is_where_the_pass_looked(
    network: ShowAttendTell, features: torch.Tensor
) -> None:
    maps = network.attend(network.image(features), WORDS[:, 1:])
    looks = network(features, WORDS[:, :-1].unsqueeze(0))[1]
    assert maps.shape == (2, 2, 7, 7)
    torch.testing.assert_close(maps.flatten(2), looks)
    torch.testing.assert_close(maps.sum(dim=(2, 3)), torch.ones(2, 2))


@torch.no_grad()
def test_places_that_are_alike_to_it_share_its_look(network: ShowAttendTell, features: torch.Tensor) -> None:
    network.key.weight.zero_()
    maps = network.attend(network.image(features), WORDS[:, 1:])
    torch.testing.assert_close(maps, torch.full((2, 2, 7, 7), 1 / 49))


@torch.no_grad()
def test_it_writes_sentences(network: ShowAttendTell, features: torch.Tensor) -> None:
    sentences = Greedy(max_words=4).decode(network.step, network.begin(network.image(features)))
    assert len(sentences) == 2
    assert all(len(sentence.numbers) <= 4 for sentence in sentences)


def slow_pass(network: ShowAttendTell, features: np.ndarray, words: list[int]) -> tuple[np.ndarray, np.ndarray]:
    w = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    places = np.array([w["image.project.weight"] @ place + w["image.project.bias"] for place in features])
    hidden, cell = np.split(np.tanh(w["first.weight"] @ places.mean(axis=0) + w["first.bias"]), 2)
    outputs, shares = [], []
    for word in words:
        query = w["query.weight"] @ hidden + w["query.bias"]
        energies = np.array([w["weigh.weight"][0] @ np.tanh(w["key.weight"] @ place + query) for place in places])
        share = np.exp(energies) / np.exp(energies).sum()
        seen = sum(part * place for part, place in zip(share, places, strict=True))
        seen = seen * sigmoid(w["gate.weight"][0] @ hidden + w["gate.bias"][0])
        embedded = w["words.vectors"][word] * np.sqrt(512)
        x = np.concatenate([embedded, seen])
        gates = w["cell.weight_ih"] @ x + w["cell.bias_ih"] + w["cell.weight_hh"] @ hidden + w["cell.bias_hh"]
        let_in, forget, new, show = np.split(gates, 4)
        cell = sigmoid(forget) * cell + sigmoid(let_in) * np.tanh(new)
        hidden = sigmoid(show) * np.tanh(cell)
        outputs.append(w["combine.weight"] @ np.concatenate([embedded, hidden, seen]) + w["combine.bias"])
        shares.append(share)
    return np.array(outputs), np.array(shares)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
