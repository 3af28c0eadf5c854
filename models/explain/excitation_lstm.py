r"""Excitation back-propagation through the LSTM with ReLU, to the words and to what its first input left in it.

Bargal et al., "Excitation Backprop for RNNs", CVPR 2018. Gates are factors and not units: in
:math:`c_t = f c_{t-1} + i\,\mathrm{relu}(g_t)` the two summands share the probability of :math:`c_t`; all that of
:math:`h_t = o\,\mathrm{relu}(c_t)` is :math:`c_t`'s; that of :math:`g_t = W x_t + U h_{t-1} + b` goes to the entries
of input and output that excite it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.explain.excitation_rules import Array, through_layer, through_sum


@dataclass(frozen=True)
class LstmWeights:
    """Of ``ReluLstm`` and the unit that reads its last output.

    Attributes:
        of_input: W, ``(4 H, D)``: input, forget and output gates, then g.
        of_output: U, ``(4 H, H)``.
        bias: b, ``(4 H,)``.
        read: ``(H,)``, of the unit at the top.
    """

    of_input: Array
    of_output: Array
    bias: Array
    read: Array

    @property
    def hidden(self) -> int:
        """H."""
        return len(self.read)


class Step(NamedTuple):
    """One step: what went in, ``(D,)`` and ``(H,)``, and the two summands of the cell, ``(H,)`` each."""

    given: Array
    output_before: Array
    kept: Array
    new: Array


class Back(NamedTuple):
    """Where the probability of the unit at the top came to.

    Attributes:
        first: of the units g of the first step, which the first input alone excites, ``(H,)``.
        others: of the entries of each further input, ``(T - 1, D)``.
        lost: of units of further steps that only their bias excites.
    """

    first: Array
    others: Array
    lost: float


def run(weights: LstmWeights, inputs: Sequence[Array]) -> tuple[list[Step], Array]:
    """Run on T inputs ``(D,)``; return the steps and the last output ``(H,)``."""
    size = weights.hidden
    output, cell, steps = np.zeros(size), np.zeros(size), []
    for given in inputs:
        x = weights.of_input @ given + weights.of_output @ output + weights.bias
        let_in, keep, let_out = np.split(1 / (1 + np.exp(-x[: 3 * size])), 3)
        step = Step(given, output, keep * cell, let_in * x[3 * size :].clip(min=0))
        cell = step.kept + step.new
        output = let_out * cell
        steps.append(step)
    return steps, output


def back(weights: LstmWeights, steps: Sequence[Step], output: Array, *, dual: bool = False) -> Back | None:
    """Follow the probability of the unit at the top, 1, to the inputs.

    Args:
        weights: of the network.
        steps: that it has made.
        output: its last output.
        dual: of the unit whose weights are those of the top's, negated: of what speaks against (contrastive form).

    Returns:
        None where nothing excites the unit.
    """
    read = -weights.read if dual else weights.read
    of_output, lost = through_layer(np.ones(1), (read * output)[None])
    if lost:
        return None
    size = weights.hidden
    of_both = np.hstack([weights.of_input, weights.of_output])[3 * size :]
    of_cell, others = np.zeros(size), np.zeros((len(steps), len(steps[0].given)))
    for number in range(len(steps) - 1, 0, -1):
        step = steps[number]
        of_cell, of_new = through_sum(of_cell + of_output, step.kept, step.new)
        below, unexcited = through_layer(of_new, of_both * np.concatenate([step.given, step.output_before]))
        lost += unexcited
        others[number], of_output = np.split(below, [len(step.given)])
    return Back(of_cell + of_output, others[1:], lost)
