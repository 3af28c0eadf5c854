"""The recurrent unit is the document's equations, written out with NumPy; padding and narrowing leave its answer."""

import numpy as np
import torch

from models.text.gru import GruSentenceEncoder

VOCABULARY, WIDTH, HIDDEN = 9, 5, 4


def _encoder() -> GruSentenceEncoder:
    torch.manual_seed(0)
    encoder = GruSentenceEncoder(VOCABULARY, WIDTH, HIDDEN)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)  # large, so that the gates move
    return encoder


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _step_by_hand(encoder: GruSentenceEncoder, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Equations (2) of Yu et al. 2017, one unit j at a time."""
    w_z, w_r, w = np.split(encoder.inputs.weight.detach().numpy(), 3)
    u_z, u_r = np.split(encoder.gates.weight.detach().numpy(), 2)
    u = encoder.candidate.weight.detach().numpy()
    r = np.array([_sigmoid(w_r[j] @ x + u_r[j] @ h) for j in range(HIDDEN)])
    after = np.empty(HIDDEN)
    for j in range(HIDDEN):
        z = _sigmoid(w_z[j] @ x + u_z[j] @ h)
        candidate = np.tanh(w[j] @ x + u[j] @ (r * h))
        after[j] = (1 - z) * h[j] + z * candidate
    return after


@torch.no_grad()
def test_a_step_is_the_documents_equations() -> None:
    encoder, random = _encoder(), np.random.default_rng(1)
    x, h = random.normal(size=(3, WIDTH)).astype(np.float32), random.normal(size=(3, HIDDEN)).astype(np.float32)
    after = encoder.step(encoder.inputs(torch.from_numpy(x)), torch.from_numpy(h)).numpy()
    for row in range(3):
        np.testing.assert_allclose(after[row], _step_by_hand(encoder, x[row], h[row]), atol=1e-5)


@torch.no_grad()
def test_a_sentence_is_the_state_after_its_last_word_whatever_is_padded_behind() -> None:
    encoder = _encoder()
    sentences = [[4, 7, 3], [5], [8, 2, 6, 4, 3]]
    numbers, mask = np.zeros((3, 6), np.int64), np.zeros((3, 6), np.int64)
    for row, sentence in enumerate(sentences):
        numbers[row, : len(sentence)], mask[row, : len(sentence)] = sentence, 1
    got = encoder(torch.from_numpy(numbers), torch.from_numpy(mask)).numpy()
    for row, sentence in enumerate(sentences):
        h = np.zeros(HIDDEN)
        for word in sentence:
            h = _step_by_hand(encoder, encoder.words.weight[word].numpy(), h)
        np.testing.assert_allclose(got[row], h, atol=1e-5)


def test_weights_start_uniform_within_the_documents_bounds() -> None:
    torch.manual_seed(0)
    for parameter in GruSentenceEncoder(50, 64, 32).parameters():
        assert 0.07 < parameter.abs().max() <= 0.08
        assert abs(parameter.std().item() - 0.16 / 12**0.5) < 0.004


@torch.no_grad()
def test_narrowing_to_the_rank_that_is_there_changes_nothing() -> None:
    encoder = _encoder()
    encoder.words.weight[:, 3:] = 0  # so that the words' vectors have rank 3
    narrow = encoder.narrowed(3)
    assert narrow.words.weight.shape == (VOCABULARY, 3)
    numbers, mask = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    torch.testing.assert_close(narrow(numbers, mask), encoder(numbers, mask), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(encoder.narrowed(1)(numbers, mask), encoder(numbers, mask), atol=1e-3)
