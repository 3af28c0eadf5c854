"""The recurrent unit's written-out gradient is that of autograd through its steps."""

import torch

from lab.training.recurrence import last_states
from models.text.gru import GruSentenceEncoder


def _sentences() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    mask = (torch.arange(6) < torch.tensor([[3], [6], [1], [4], [4]])).long()
    return torch.randint(1, 9, (5, 6)) * mask, mask


def test_states_and_gradients_are_autograds() -> None:
    torch.manual_seed(1)
    encoder, (numbers, mask) = GruSentenceEncoder(9, 5, 4), _sentences()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    weights, results = torch.randn(5, 4), []
    for encode in (encoder, lambda *sentence: last_states(encoder, *sentence)):
        encoder.zero_grad()
        states = encode(numbers, mask)
        (states * weights).sum().backward()
        results.append([states.detach(), *(parameter.grad.clone() for parameter in encoder.parameters())])
    for by_autograd, by_hand in zip(*results, strict=True):
        torch.testing.assert_close(by_hand, by_autograd)
    assert results[0][1].abs().max() > 0


def test_in_bfloat16_both_stay_near() -> None:
    width = 64
    torch.manual_seed(1)
    encoder, (numbers, mask) = GruSentenceEncoder(9, width, width), _sentences()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=width**-0.5)
    exact = last_states(encoder, numbers, mask)
    with torch.autocast("cpu", torch.bfloat16):
        rough = last_states(encoder, numbers, mask)
    assert torch.cosine_similarity(exact, rough).min() > 0.999
    gradients = []
    for states in (exact, rough):
        encoder.zero_grad()
        states.square().sum().backward()
        gradients.append(encoder.candidate.weight.grad.clone().flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99
