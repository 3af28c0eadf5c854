"""The running average of the weights."""

import torch
from torch import nn

from lab.training.average import RunningAverage


def test_it_follows_the_weights_at_its_own_pace() -> None:
    weight = nn.Parameter(torch.tensor([0.0]))
    average = RunningAverage([weight], decay=0.5)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, 4.0, 8.0)):
        weight.data.fill_(value)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    torch.testing.assert_close(average.values[0], torch.tensor([expected]))


def test_the_module_has_the_average_only_within_the_block() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    average = RunningAverage([weight], decay=0.9)
    weight.data.fill_(5.0)
    with average.in_place():
        assert weight.item() == 1.0
    assert weight.item() == 5.0
    assert average.values[0].item() == 1.0
