"""The recurrent unit is the document's equations, written out with NumPy; padding leaves its answer."""

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
def test_training_begins_at_the_given_vectors_and_at_a_unit_that_forgets_slowly() -> None:
    torch.manual_seed(0)
    drawn, encoder = GruSentenceEncoder(50, 64, 32), GruSentenceEncoder(50, 64, 32)
    encoder.load_state_dict(drawn.state_dict())
    vectors = torch.randn(50, 40) / 5
    vectors[:3] = 0
    encoder.start_from(vectors, renewal=0.2)
    words = encoder.words.weight
    assert abs(words[3:, :40].std().item() - 1) < 1e-5
    torch.testing.assert_close(words[3:, :40] / words[3, 0], vectors[3:] / vectors[3, 0])
    torch.testing.assert_close(words[:3, :40], drawn.words.weight[:3, :40])
    torch.testing.assert_close(words[:, 41:], drawn.words.weight[:, 41:])
    # a word without a vector is little but its 1: the first gate is near the renewal, the others' near 1/2
    gates = torch.sigmoid(encoder.inputs(words[:3]))
    assert (gates[:, :32] - 0.2).abs().max() < 0.03
    assert (gates[:, 32:64] - 0.5).abs().max() < 0.05


@torch.no_grad()
def test_a_unit_that_forgets_slowly_keeps_more_of_its_first_word() -> None:
    torch.manual_seed(0)
    vectors, answers = torch.randn(50, 40), []
    for renewal in (0.2, 0.5):
        encoder = GruSentenceEncoder(50, 64, 256)
        encoder.start_from(vectors, renewal)
        sentences = torch.randint(4, 50, (40, 10))
        others = torch.cat([sentences[:, :1].roll(1, 0), sentences[:, 1:]], dim=1)
        states, changed = (encoder(words, torch.ones_like(words)) for words in (sentences, others))
        answers.append(torch.cosine_similarity(states, changed).mean().item())
    assert answers[0] < answers[1]
