"""The recurrent unit's pass in training, with its gradient written out.

Autograd would add up the gradients of U step by step, a matrix each, which costs several times the steps themselves.
Here each matrix gets its gradient from all steps in one product, and a sentence that has ended costs nothing more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.text.gru import GruSentenceEncoder


def last_states(encoder: GruSentenceEncoder, numbers: Tensor, mask: Tensor) -> Tensor:
    """Encode ``(B, T)`` numbers as ``encoder(numbers, mask)`` does, ``(B, H)``, for training."""
    lengths, order = mask.sum(dim=1).sort(descending=True, stable=True)
    inputs = encoder.inputs(encoder.words(numbers[order, : int(lengths[0])]))
    states: Tensor = _Recurrence.apply(inputs, lengths.tolist(), encoder.gates.weight, encoder.candidate.weight)  # type: ignore[no-untyped-call]
    return states[order.argsort()]


class _Recurrence(torch.autograd.Function):
    """``(B, T, 3H)`` inputs, the lengths in descending order, U_z over U_r, and U, to the last states ``(B, H)``.

    Products are computed in the inputs' precision, all else in float32.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, lengths: list[int], gates: Tensor, candidate: Tensor) -> Tensor:
        precision, width = inputs.dtype, candidate.shape[0]
        by_gates, by_candidate = gates.to(precision), candidate.to(precision)
        state = torch.zeros(len(inputs), width)
        steps = []
        for turn in range(inputs.shape[1]):
            active = sum(length > turn for length in lengths)
            before, x = state[:active].clone(), inputs[:active, turn].float()
            both = torch.sigmoid(x[:, : 2 * width] + (before.to(precision) @ by_gates.T).float())
            renewed, seen = both.chunk(2, dim=1)
            past = (seen * before).to(precision)
            new = torch.tanh(x[:, 2 * width :] + (past @ by_candidate.T).float())
            state[:active] = before + renewed * (new - before)
            steps.append((before, renewed, seen, past, new))
        ctx.steps, ctx.shape, ctx.matrices = steps, inputs.shape, (by_gates, by_candidate)
        return state

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        by_gates, by_candidate = ctx.matrices
        precision, after = by_gates.dtype, gradients[0].float().clone()
        to_inputs = torch.zeros(ctx.shape, dtype=precision)
        width = after.shape[1]
        for turn in reversed(range(len(ctx.steps))):
            before, renewed, seen, _, new = ctx.steps[turn]
            active = len(before)
            back = after[:active]
            at_new = (back * renewed * (1 - new * new)).to(precision)  # before the tanh
            at_past = (at_new @ by_candidate).float()
            at_gates = torch.cat(
                [
                    back * (new - before) * renewed * (1 - renewed),
                    at_past * before * seen * (1 - seen),
                ],
                dim=1,
            ).to(precision)
            after[:active] = back * (1 - renewed) + at_past * seen + (at_gates @ by_gates).float()
            to_inputs[:active, turn, : 2 * width] = at_gates
            to_inputs[:active, turn, 2 * width :] = at_new
        rows = torch.cat([to_inputs[: len(before), turn] for turn, (before, *_) in enumerate(ctx.steps)])
        befores = torch.cat([step[0] for step in ctx.steps]).to(precision)
        pasts = torch.cat([step[3] for step in ctx.steps])
        to_gates, to_candidate = rows[:, : 2 * width].T @ befores, rows[:, 2 * width :].T @ pasts
        return to_inputs, None, to_gates.float(), to_candidate.float()
