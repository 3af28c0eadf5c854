"""The recurrent unit's pass in training, with its gradient written out.

Autograd would add up the gradients of U step by step, a matrix each, which costs several times the steps themselves.
Here each matrix gets its gradient from all steps in one product, and a sentence that has ended costs nothing more.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from models.text.gru import GruSentenceEncoder


def last_states(encoder: GruSentenceEncoder, numbers: Tensor, mask: Tensor) -> Tensor:
    """Encode ``(B, T)`` numbers as ``encoder(numbers, mask)`` does, ``(B, H)``, for training."""
    lengths, order = mask.sum(dim=1).sort(descending=True, stable=True)
    # (T, B), the longest sentences first, so that a turn's are the first so many
    real = mask[order, : int(lengths[0])].T.bool()
    turns = [0, *real.sum(dim=1).cumsum(dim=0).tolist()]  # where each turn's words start
    inputs = encoder.inputs(encoder.words(numbers[order, : len(real)].T[real]))
    states: Tensor = _Recurrence.apply(inputs, turns, encoder.gates.weight, encoder.candidate.weight)  # type: ignore[no-untyped-call]
    return states[order.argsort()]


class _Recurrence(torch.autograd.Function):
    """``(W, 3H)`` inputs of W words, turn after turn, U_z over U_r, and U, to the last states ``(B, H)``.

    Products are computed in the inputs' precision, all else in float32.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, turns: list[int], gates: Tensor, candidate: Tensor) -> Tensor:
        precision, width = inputs.dtype, candidate.shape[0]
        by_gates, by_candidate = gates.to(precision), candidate.to(precision)
        device = inputs.device
        befores, news = torch.empty(2, len(inputs), width, device=device)
        both = torch.empty(len(inputs), 2 * width, device=device)  # z and r
        pasts = torch.empty(len(inputs), width, dtype=precision, device=device)
        state = torch.zeros(turns[1], width, device=device)
        for start, end in pairwise(turns):
            here, x = slice(start, end), inputs[start:end]
            befores[here] = before = state[: end - start]
            torch.sigmoid(torch.addmm(x[:, : 2 * width], before.to(precision), by_gates.T).float(), out=both[here])
            renewed, seen = both[here].chunk(2, dim=1)
            torch.mul(seen, before, out=pasts[here])
            torch.tanh(torch.addmm(x[:, 2 * width :], pasts[here], by_candidate.T).float(), out=news[here])
            before.lerp_(news[here], renewed)
        ctx.turns, ctx.kept = turns, (befores, both, pasts, news, by_gates, by_candidate)
        return state

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        befores, both, pasts, news, by_gates, by_candidate = ctx.kept
        width = befores.shape[1]
        renewed, seen = both.chunk(2, dim=1)
        # what a state's gradient is multiplied by on its way before the tanh and both sigmoids, for all words at once
        to_new = renewed * (1 - news * news)
        to_renewed = (news - befores) * renewed * (1 - renewed)
        to_seen = befores * seen * (1 - seen)
        after = gradients[0].float().clone()
        to_inputs = torch.empty(len(befores), 3 * width, dtype=by_gates.dtype, device=after.device)
        for start, end in reversed(list(pairwise(ctx.turns))):
            here, back = slice(start, end), after[: end - start]
            at_renewed, at_seen, at_new = to_inputs[here].chunk(3, dim=1)
            torch.mul(back, to_new[here], out=at_new)
            at_past = (at_new @ by_candidate).float()
            torch.mul(back, to_renewed[here], out=at_renewed)
            torch.mul(at_past, to_seen[here], out=at_seen)
            back.addcmul_(back, renewed[here], value=-1).addcmul_(at_past, seen[here])
            back += to_inputs[here, : 2 * width] @ by_gates
        to_gates = to_inputs[:, : 2 * width].T @ befores.to(by_gates.dtype)
        to_candidate = to_inputs[:, 2 * width :].T @ pasts
        return to_inputs, None, to_gates.float(), to_candidate.float()
