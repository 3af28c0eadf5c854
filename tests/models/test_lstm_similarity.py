"""The LSTM with ReLU in place of tanh, against its equations in plain loops."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.checkpoint import write_checkpoint
from lab.data.captioned import CaptionedImages
from lab.training.captioned_batches import CaptionedRows
from lab.training.lstm_similarity import draw_pairs, half_mismatched, in_another_order
from models.cards import read_matcher_card
from models.errors import CheckpointError
from models.matchers.lstm_similarity_module import LstmSimilarity, ReluLstm, load_network
from models.shipped import matcher_cards


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def run_by_loops(lstm: ReluLstm, inputs: np.ndarray) -> np.ndarray:
    """Return the output after the last of ``(T, D)`` inputs, one unit at a time."""
    w, u, b = (
        value.detach().numpy() for value in (lstm.from_input.weight, lstm.from_state.weight, lstm.from_input.bias)
    )
    size = u.shape[1]
    output, cell = np.zeros(size), np.zeros(size)
    for x in inputs:
        before = output.copy()
        for unit in range(size):
            i, f, o, g = (w[k * size + unit] @ x + u[k * size + unit] @ before + b[k * size + unit] for k in range(4))
            cell[unit] = sigmoid(f) * cell[unit] + sigmoid(i) * max(g, 0)
            output[unit] = sigmoid(o) * max(cell[unit], 0)
    return output


def test_steps_are_those_of_the_equations() -> None:
    torch.manual_seed(0)
    lstm, inputs = ReluLstm(5, 4), torch.randn(2, 6, 5)
    output, cell = lstm.start(inputs[:, 0])
    for place in range(1, 6):
        output, cell = lstm.step(lstm.from_input(inputs[:, place]), output, cell)
    for row in range(2):
        np.testing.assert_allclose(output[row].detach().numpy(), run_by_loops(lstm, inputs[row].numpy()), atol=1e-6)


def model() -> LstmSimilarity:
    torch.manual_seed(0)
    return LstmSimilarity(torch.randn(20, 300), hidden=12, image_hidden=9, features=7).eval()


def test_the_image_is_read_first_and_the_output_behind_the_last_word_counts() -> None:
    network = model()
    numbers, mask = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    images = torch.randn(2, 300)
    with torch.inference_mode():
        found = network(numbers, mask, images)
    for row, length in enumerate((3, 2)):
        inputs = np.vstack([images[row].numpy()[None], network.words[numbers[row, :length]].numpy()])
        output = run_by_loops(network.lstm, inputs)
        expected = network.output.weight.detach().numpy()[0] @ output + network.output.bias.item()
        np.testing.assert_allclose(found[row].item(), expected, atol=1e-5)
    assert output.shape == (12,)


def test_one_sentence_serves_all_images() -> None:
    network, images = model(), torch.randn(4, 300)
    numbers = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        one = network(numbers, torch.ones_like(numbers), images)
        each = network(numbers.repeat(4, 1), torch.ones(4, 3, dtype=torch.int64), images)
    torch.testing.assert_close(one, each)
    assert len(one.unique()) == 4


def test_each_sentence_may_have_several_images_of_its_own() -> None:
    network, images = model(), torch.randn(2, 3, 300)
    numbers, mask = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    together = network(numbers, mask, images)
    apart = [network(numbers, mask, images[:, place]) for place in range(3)]
    torch.testing.assert_close(together, torch.stack(apart, dim=1))


def test_the_words_stay_as_they_are_and_out_of_the_weights() -> None:
    assert not any("words" in name for name in model().state_dict())
    assert all(name.split(".")[0] in ("image_vector", "lstm", "output") for name, _ in model().named_parameters())


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (card,) = (card for card in matcher_cards() if card.name == "lstm-similarity")
    write_checkpoint(tmp_path, {"lstm.from_input.bias": torch.zeros(4)}, asdict(card))
    with pytest.raises(CheckpointError, match="architecture"):
        load_network(read_matcher_card(tmp_path), tmp_path)


def test_half_of_a_batch_is_mismatched() -> None:
    captions, similar = half_mismatched(np.arange(10, 18))
    assert captions.tolist() == [10, 11, 12, 13, 17, 14, 15, 16]
    assert similar.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_dev_pairs_are_those_that_the_measure_draws() -> None:
    data = CaptionedImages("made up", (), tuple((f"{'long ' * k}one", f"{k} two") for k in range(6)))
    rows = CaptionedRows([np.arange(6, dtype=np.float16)[:, None]], [data])
    pairs = draw_pairs(rows, samples=50, seed=3)
    random = np.random.default_rng(3)
    captions = random.integers(12, size=50)
    own = captions // 2
    other = (own + random.integers(1, 6, size=50)) % 6
    expected = sorted(zip([rows.texts[c] for c in captions], own.tolist(), other.tolist(), strict=True))
    assert sorted(zip(pairs.texts, pairs.own.tolist(), pairs.other.tolist(), strict=True)) == expected
    assert [len(text) for text in pairs.texts] == sorted(len(text) for text in pairs.texts)


def test_some_of_the_mismatched_keep_their_own_captions_to_have_them_shuffled() -> None:
    captions, similar = half_mismatched(np.arange(8), kept=2)
    assert captions.tolist() == [0, 1, 2, 3, 5, 4, 6, 7]
    assert similar.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_shuffled_sentences_have_their_own_words_in_another_order() -> None:
    torch.manual_seed(0)
    numbers = torch.tensor([[5, 6, 7, 8, 9, 10], [3, 4, 2, 0, 0, 0]])
    mask = (numbers > 0).long()
    found = in_another_order(numbers, mask)
    assert not torch.equal(found, numbers)
    torch.testing.assert_close(found.sort(dim=1).values, numbers.sort(dim=1).values)
    assert (found[1, 3:] == 0).all()
