"""A running average of the weights, which generalises better than the last of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class RunningAverage:
    r"""Exponential moving average ``a <- d a + (1 - d) w`` of trained parameters (Polyak and Juditsky 1992).

    The decay starts small, so that the first, wild weights are soon forgotten: ``d = min(decay, (1 + t) / (10 + t))``.

    Args:
        parameters: what is trained.
        decay: of the average, a step; 0 makes it follow the weights themselves.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self._parameters, self._decay = list(parameters), decay
        self.values: list[Tensor] = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for value, parameter in zip(self.values, self._parameters, strict=True):
            value.lerp_(parameter, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the module has the averaged weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for value, parameter in zip(self.values, self._parameters, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(value)
            value.copy_(kept)
